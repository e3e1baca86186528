//! What all chains together may hold in memory: 256 chains with a page of 2 MiB each would be more than a desktop has to
//! spare. Ordinary pages never wait here.

use std::num::NonZero;

use tokio::sync::Semaphore;

/// Bytes of a body before it counts as large: most pages of the web stay below.
pub(crate) const LARGE_BODY_BYTES: usize = 256 * 1_024;
/// Large bodies at once.
const LARGE_BODIES: usize = 16;

/// The places that chains share.
#[derive(Debug)]
pub(crate) struct Load {
    /// For bodies beyond [`LARGE_BODY_BYTES`].
    pub(crate) large_bodies: Semaphore,
    /// For pages that are being decoded and parsed: processor time, of which there is only so much anyway.
    pub(crate) parsing: Semaphore,
}

impl Default for Load {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { large_bodies: Semaphore::new(LARGE_BODIES), parsing: Semaphore::new(cores * 2) }
    }
}
