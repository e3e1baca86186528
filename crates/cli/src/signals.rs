//! When a person or a service manager wants a long-running command to end.

/// Resolves at the first SIGINT or SIGTERM since the call, awaited or not. A second SIGINT after that ends the process at
/// once, farewell or not.
pub(crate) fn stop_requested() -> impl Future<Output = std::io::Result<()>> {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};
        // Now, not at the first poll: whoever has just been told that a command is ready may stop it.
        signal(SignalKind::terminate()).and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)))
    };
    async move {
        #[cfg(unix)]
        {
            let (mut terminate, mut interrupt) = signals?;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await?;
        end_at_the_next();
        Ok(())
    }
}

fn end_at_the_next() {
    tokio::spawn(async {
        if tokio::signal::ctrl_c().await.is_ok() {
            // As a shell reports a command that SIGINT ended.
            std::process::exit(130);
        }
    });
}
