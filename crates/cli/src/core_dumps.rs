//! No core dumps: the memory of a relay or a desktop has the secrets of API keys, and a file with all of it would outlive
//! whatever went wrong. What this process starts, the browser among it, inherits that.

/// Sets the limit for the size of core files to zero, for good. Where the kernel hands dumps to a program, it is that
/// program which has to respect the limit, as systemd-coredump does.
pub(crate) fn forbid() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};

        if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
            tracing::warn!(%error, "core dumps cannot be forbidden: a crash may write secrets to a file");
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::process::{Resource, getrlimit};

    #[test]
    fn a_crash_leaves_no_file_behind() {
        super::forbid();
        let limits = getrlimit(Resource::Core);
        assert_eq!((limits.current, limits.maximum), (Some(0), Some(0)));
    }
}
