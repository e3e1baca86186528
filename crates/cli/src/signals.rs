//! When a person or a service manager wants a long-running command to end.

/// Resolves at the first SIGINT or SIGTERM. A second SIGINT after that ends the process at once, farewell or not.
pub(crate) async fn stop_requested() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    tokio::spawn(async {
        if tokio::signal::ctrl_c().await.is_ok() {
            // As a shell reports a command that SIGINT ended.
            std::process::exit(130);
        }
    });
    Ok(())
}
