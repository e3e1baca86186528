//! Opens contexts, one ahead. Opening a context keeps a browser as busy as the page that is then loaded in it, with work for which
//! it has time while the process of another page starts and reads what has come. What is opened ahead has never been shown
//! anything and knows no job: it is as fresh as if it had been opened for the one that gets it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::cdp::{CdpError, Client};
use super::context::FreshContext;
use super::process::Browser;
use super::proxy::ProxyPort;

/// A context, and the port that is to be its way out, before they belong to a job.
pub(super) struct Ready {
    pub(super) port: ProxyPort,
    pub(super) context: FreshContext,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotReady {
    #[error("no port for the browser's way out: {0}")]
    NoPort(#[from] std::io::Error),
    #[error(transparent)]
    Browser(#[from] CdpError),
}

impl Ready {
    async fn open(client: Client, begins_blank: bool) -> Result<Self, NotReady> {
        let port = ProxyPort::open().await?;
        let context = FreshContext::open(client, port.number(), begins_blank).await?;
        Ok(Self { port, context })
    }
}

/// How contexts come to their jobs.
#[derive(Default)]
pub(super) struct Ahead {
    /// For what was opened ahead: one, since more than one page is seldom waited for.
    place: Mutex<Place>,
    /// Whether the executable is one that ends tabs which begin nowhere: they begin at `about:blank` then.
    wants_blank: AtomicBool,
}

#[derive(Default)]
enum Place {
    #[default]
    Empty,
    Opening,
    /// With the browser that it is in, which it does not keep alive.
    Holds(Weak<Browser>, Ready),
}

impl Ahead {
    /// What was opened in this browser, or else one that is opened now.
    ///
    /// # Errors
    /// [`NotReady`], and nothing is left behind.
    pub(super) async fn take_or_open(&self, browser: &Arc<Browser>) -> Result<Ready, NotReady> {
        match self.take(browser) {
            Some(ready) => Ok(ready),
            None => Ready::open(browser.client.clone(), self.begins_blank()).await,
        }
    }

    /// Notes that the executable ends tabs which begin nowhere. Returns whether that is news.
    pub(super) fn ends_tabs(&self) -> bool {
        !self.wants_blank.swap(true, Ordering::Relaxed)
    }

    fn begins_blank(&self) -> bool {
        self.wants_blank.load(Ordering::Relaxed)
    }

    fn take(&self, browser: &Arc<Browser>) -> Option<Ready> {
        let mut place = self.place();
        match std::mem::take(&mut *place) {
            Place::Holds(of, ready) if std::ptr::eq(of.as_ptr(), Arc::as_ptr(browser)) => Some(ready),
            // Of a browser that has been replaced, and ends with what is in it.
            Place::Holds(..) | Place::Empty => None,
            Place::Opening => {
                *place = Place::Opening;
                None
            }
        }
    }

    /// Opens one in `browser` for the next job, unless there is one already. Goes on by itself; the browser may end
    /// meanwhile.
    pub(super) fn fill(self: &Arc<Self>, browser: &Arc<Browser>) {
        {
            let mut place = self.place();
            if !matches!(*place, Place::Empty) {
                return;
            }
            *place = Place::Opening;
        }
        let opening = Opening { ahead: Arc::clone(self), of: Arc::downgrade(browser) };
        let (client, begins_blank) = (browser.client.clone(), self.begins_blank());
        tokio::spawn(async move {
            match Ready::open(client, begins_blank).await {
                Ok(ready) => opening.end(ready),
                Err(error) => tracing::debug!(%error, "no browser context ahead"),
            }
        });
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        // Nothing above panics between two changes that belong together.
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is being opened; the place is empty again when it comes to nothing.
struct Opening {
    ahead: Arc<Ahead>,
    of: Weak<Browser>,
}

impl Opening {
    fn end(self, ready: Ready) {
        *self.ahead.place() = Place::Holds(self.of.clone(), ready);
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let mut place = self.ahead.place();
        if matches!(*place, Place::Opening) {
            *place = Place::Empty;
        }
    }
}
