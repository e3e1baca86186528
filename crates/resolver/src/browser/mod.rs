//! The browser engine: the installed Chrome, Chromium or Edge over the DevTools protocol. One browser for all jobs, a
//! fresh context for each, and no way out but through a proxy in this process that dials what the guard has checked.

mod ahead;
mod cdp;
mod context;
mod disguise;
mod egress;
mod ending;
mod environment;
mod evidence;
mod find;
mod headers;
mod job;
mod look;
mod memory;
mod navigation;
mod process;
mod proxy;
mod settle;
mod traffic;
mod trust;
mod visit;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::Context;
use protocol::result::Engine;
use tokio::sync::{Mutex, Semaphore};
use url::Url;

use crate::budgets::Budgets;
use crate::chain::{Chain, End};
use crate::connect::Tls;
use crate::guard::Guard;
use crate::pace::Pacer;
use crate::proxy::ProxyProfile;
use crate::settings::{Screenshots, Settings};
use ahead::Ahead;
use cdp::CdpError;
use context::Pictures;
use job::Job;
use process::Browser;

/// Jobs in the browser at once: each holds a renderer or two, and two cores are busy with four.
const JOBS_AT_ONCE: usize = 4;
/// Jobs of one browser before it is replaced: what leaks, leaks with their number.
const JOBS_PER_BROWSER: u32 = 1_000;
/// Memory of a browser with all its processes before it is replaced, once its jobs are done.
const MAX_BROWSER_BYTES: u64 = 3 * 1_024 * 1_024 * 1_024;
/// Jobs between two looks at that memory, which cost some milliseconds each: every process of the machine is read.
const JOBS_BETWEEN_LOOKS: u32 = 16;
/// Browsers that a job may outlive: one that dies under a job may have died of another's.
const TRIES: u32 = 2;

/// The browser engine of one resolver. The browser starts with the first job that needs it.
pub(crate) struct BrowserEngine {
    executable: Result<PathBuf, String>,
    trusted_keys: Vec<String>,
    pictures: Pictures,
    guard: Guard,
    tls: Tls,
    /// Of both engines: a host is the same host.
    pacer: Arc<Pacer>,
    jobs: Semaphore,
    running: Mutex<Option<Running>>,
    ahead: Arc<Ahead>,
}

struct Running {
    browser: Arc<Browser>,
    jobs: u32,
}

impl BrowserEngine {
    pub(crate) fn new(settings: &Settings, guard: Guard, tls: Tls, pacer: Arc<Pacer>) -> Self {
        Self {
            executable: find::find(&settings.browser).map_err(|cause| cause.to_string()),
            trusted_keys: trust::key_digests(&settings.extra_roots),
            pictures: match settings.screenshots {
                Screenshots::Off => Pictures::Withheld,
                wanted @ (Screenshots::InResults | Screenshots::Full(_)) => Pictures::Loaded(wanted),
            },
            pacer,
            guard,
            tls,
            jobs: Semaphore::new(JOBS_AT_ONCE),
            running: Mutex::default(),
            ahead: Arc::default(),
        }
    }

    /// Whether there is a browser; if not, why.
    ///
    /// # Errors
    /// The reason, for a person.
    pub(crate) fn availability(&self) -> Result<&Path, &str> {
        self.executable.as_deref().map_err(String::as_str)
    }

    /// One chain from `url` on, in a fresh context.
    pub(crate) async fn run(&self, url: &Url, context: &Context, proxy: Option<(&str, &ProxyProfile)>, budgets: &Budgets) -> Chain {
        // Nobody closes the semaphore; were it closed, one page too many would do no harm.
        let _permit = self.jobs.acquire().await.ok();
        let mut failed = 0;
        loop {
            let (browser, turn) = match self.browser().await {
                Ok(browser) => browser,
                Err(cause) => return unavailable(cause),
            };
            let job = Job {
                guard: &self.guard,
                tls: &self.tls,
                pacer: &self.pacer,
                budgets,
                context,
                proxy,
                pictures: self.pictures,
                ahead: &self.ahead,
                opens_ahead: turn > 1,
            };
            let run = job.run(Arc::clone(&browser), url).await;
            self.retire(browser).await;
            match run {
                Ok(chain) => return chain,
                // Found out once: the job begins anew, and that is no try.
                Err(CdpError::TabEnded) if self.ahead.ends_tabs() => (),
                Err(cause) => {
                    tracing::warn!(%cause, "the browser failed under a job");
                    failed += 1;
                    if failed == TRIES {
                        return unavailable(cause.to_string());
                    }
                }
            }
        }
    }

    /// The running browser, or a new one when there is none, it has died, or has served long enough.
    /// With it comes the number of jobs that it has had, this one included.
    async fn browser(&self) -> Result<(Arc<Browser>, u32), String> {
        let executable = self.executable.clone()?;
        let mut running = self.running.lock().await;
        let serves_on = |own: &&mut Running| {
            let is_looked_at = own.jobs.is_multiple_of(JOBS_BETWEEN_LOOKS);
            own.browser.is_alive() && own.jobs < JOBS_PER_BROWSER && !(is_looked_at && own.browser.has_grown(MAX_BROWSER_BYTES))
        };
        if let Some(own) = running.as_mut().filter(serves_on) {
            own.jobs += 1;
            return Ok((Arc::clone(&own.browser), own.jobs));
        }
        let old = running.take();
        if let Some(old) = old {
            self.retire(old.browser).await;
        }
        let browser = Arc::new(Browser::start(&executable, &self.trusted_keys).await.map_err(|error| error.to_string())?);
        *running = Some(Running { browser: Arc::clone(&browser), jobs: 1 });
        Ok((browser, 1))
    }

    /// Ends a browser with its last job, when it has been replaced.
    async fn retire(&self, browser: Arc<Browser>) {
        if let Some(browser) = Arc::into_inner(browser) {
            browser.close().await;
        }
    }
}

fn unavailable(cause: String) -> Chain {
    Chain::without_hops(Engine::Browser, End::ContextUnavailable(cause))
}
