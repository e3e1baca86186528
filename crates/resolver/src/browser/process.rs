//! One running browser: started with a throw-away profile and a pipe for the DevTools protocol, watched, and ended with
//! everything that it has started.

// Where no browser is driven, nobody calls what starts one.
#![cfg_attr(not(unix), allow(dead_code, unused_imports))]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use super::cdp::{CdpError, Client, Fields as _};
use super::{environment, memory};

/// How long a browser may take to say its version: 0.3 s on a quiet machine, much more on a laptop that wakes up.
const START: Duration = Duration::from_secs(30);
/// How long it may take to end when asked to; then it is killed.
const END: Duration = Duration::from_secs(2);
/// How often the end is looked for.
const LOOK: Duration = Duration::from_millis(5);
/// Bytes of what the browser said last, for the reason why it did not start.
const LAST_WORDS: usize = 2_048;
/// Beginning of the profile folders' names, before the process id of their owner.
const PROFILE: &str = "link-peeler-browser-";
/// Folder in the profile for what a browser would leave in the system's folder for temporary files whenever it is killed.
/// Its name is that short since a socket lies in it.
const TEMPORARY: &str = "t";
/// Bytes of a socket's path (`sun_path` of Linux, without its end), and of what Chromium and its kin put into the folder
/// (`/org.chromium.Chromium.XXXXXX/SingletonSocket`, `/com.microsoft.Edge.XXXXXX/…`). Without room for it they don't start.
const MAX_SOCKET_PATH: usize = 107;
const SOCKET_NAME: usize = 46;

/// Why no browser runs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("no folder for the browser's profile: {0}")]
    Profile(std::io::Error),
    #[error("the browser {executable} cannot be started: {source}")]
    Spawn { executable: PathBuf, source: std::io::Error },
    #[error("the browser {executable} does not speak: {cause}{last_words}")]
    Mute { executable: PathBuf, cause: CdpError, last_words: String },
    #[error("on Windows the browser engine is not supported yet")]
    #[cfg(not(unix))]
    Unsupported,
}

/// A running browser.
pub(crate) struct Browser {
    pub(crate) client: Client,
    running: Mutex<Option<Running>>,
    watch: tokio::task::AbortHandle,
}

struct Running {
    child: Child,
    /// Its process group: the browser and all that it has started.
    group: Group,
    /// Removed when this is dropped, after the processes that write into it.
    profile: TempDir,
}

impl Browser {
    /// Starts `executable`. `trusted_keys` are SHA-256 digests, in base64, of public keys whose certificates are believed.
    ///
    /// # Errors
    /// [`StartError`], and nothing is left behind.
    #[cfg(unix)]
    pub(crate) async fn start(executable: &Path, trusted_keys: &[String]) -> Result<Self, StartError> {
        sweep_profiles();
        let profile =
            tempfile::Builder::new().prefix(&format!("{PROFILE}{}-", std::process::id())).tempdir().map_err(StartError::Profile)?;
        let failed = |source| StartError::Spawn { executable: executable.to_owned(), source };
        // The pipes for DevTools are descriptors 3 and 4 of the browser; the shell puts them there.
        let mut child = Command::new("/bin/sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null"])
            .arg(executable)
            .args(flags(profile.path(), trusted_keys))
            .env_clear()
            .envs(environment::of_browser(std::env::vars_os()))
            .envs(temporary(profile.path()).map_err(StartError::Profile)?.map(|folder| ("TMPDIR", folder)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let gone = || failed(std::io::Error::other("it has no pipes"));
        let (Some(to), Some(from), Some(said)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else { return Err(gone()) };
        let group = child.id().and_then(Group::of).ok_or_else(gone)?;
        let client = Client::start(from, to);
        let last_words = tokio::spawn(listen(said));
        let running = Mutex::new(Some(Running { child, group, profile }));
        let watch = tokio::spawn(memory::watch(group.id())).abort_handle();
        // From here on dropping it ends the process.
        let browser = Self { client, running, watch };
        match browser.client.call_within("", "Browser.getVersion", json!({}), START).await {
            Ok(version) => {
                tracing::info!(executable = %executable.display(), product = version.text("product"), "browser started");
                let attach = json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true});
                let attached = browser.client.call("", "Target.setAutoAttach", attach).await;
                attached.map_err(|cause| StartError::Mute { executable: executable.to_owned(), cause, last_words: String::new() })?;
                Ok(browser)
            }
            Err(cause) => {
                browser.close().await;
                let last_words = last_words.await.unwrap_or_default();
                Err(StartError::Mute { executable: executable.to_owned(), cause, last_words })
            }
        }
    }

    #[cfg(not(unix))]
    pub(crate) async fn start(_executable: &Path, _trusted_keys: &[String]) -> Result<Self, StartError> {
        Err(StartError::Unsupported)
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&self) -> bool {
        !self.client.ended().is_cancelled()
    }

    /// Whether it takes more memory than `limit`, in bytes.
    pub(crate) fn has_grown(&self, limit: u64) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().is_some_and(|running| memory::of_group(running.group.id()) > limit)
    }

    /// Ends it: asks, and after a while insists. Nothing of it is left when this returns.
    pub(crate) async fn close(&self) {
        if self.is_alive()
            && let Err(error) = self.client.call_within("", "Browser.close", json!({}), END).await
        {
            tracing::debug!(%error, "the browser does not end when asked");
        }
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut running) = running {
            if tokio::time::timeout(END, running.child.wait()).await.is_err() {
                running.group.kill();
                running.child.wait().await.ok();
            }
            running.group.kill();
            // Removing some hundred files is nothing for the threads that others wait on.
            tokio::task::spawn_blocking(move || remove(running.profile)).await.ok();
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.watch.abort();
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut running) = running else { return };
        running.group.ask_to_end();
        let deadline = Instant::now() + END;
        // Nobody can await here. A browser that is asked ends in some 50 ms.
        while matches!(running.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            #[allow(clippy::disallowed_methods, reason = "a destructor has no timer to await; the browser is given a few milliseconds")]
            std::thread::sleep(LOOK);
        }
        running.group.kill();
        running.child.try_wait().ok();
        remove(running.profile);
    }
}

/// The browser's own folder for temporary files, made; none where a socket in it would have too long a path.
#[cfg(unix)]
fn temporary(profile: &Path) -> std::io::Result<Option<PathBuf>> {
    let folder = profile.join(TEMPORARY);
    if folder.as_os_str().len() + SOCKET_NAME > MAX_SOCKET_PATH {
        return Ok(None);
    }
    std::fs::create_dir(&folder)?;
    Ok(Some(folder))
}

/// Removes a profile. Processes that were killed a moment ago may still write into it, and nobody would come back for it as
/// long as this process lives.
fn remove(profile: TempDir) {
    let path = profile.keep();
    let deadline = Instant::now() + END;
    while let Err(error) = std::fs::remove_dir_all(&path) {
        if error.kind() == std::io::ErrorKind::NotFound {
            return;
        }
        if Instant::now() >= deadline {
            tracing::warn!(%error, profile = %path.display(), "the browser's profile cannot be removed");
            return;
        }
        #[allow(clippy::disallowed_methods, reason = "a destructor and a thread for blocking work have no timer to await")]
        std::thread::sleep(LOOK);
    }
}

#[cfg(unix)]
#[derive(Clone, Copy)]
struct Group(rustix::process::Pid);

#[cfg(unix)]
impl Group {
    fn of(id: u32) -> Option<Self> {
        rustix::process::Pid::from_raw(i32::try_from(id).ok()?).map(Self)
    }

    fn id(self) -> i32 {
        self.0.as_raw_nonzero().get()
    }

    fn ask_to_end(self) {
        rustix::process::kill_process(self.0, rustix::process::Signal::TERM).ok();
    }

    fn kill(self) {
        // "No such process" is what is wished for.
        rustix::process::kill_process_group(self.0, rustix::process::Signal::KILL).ok();
    }
}

#[cfg(not(unix))]
#[derive(Clone, Copy)]
struct Group;

#[cfg(not(unix))]
impl Group {
    fn id(self) -> i32 {
        0
    }

    fn ask_to_end(self) {}
    fn kill(self) {}
}

async fn listen(mut said: impl tokio::io::AsyncRead + Unpin) -> String {
    let mut last = Vec::new();
    let mut chunk = [0; LAST_WORDS];
    while let Ok(length @ 1..) = said.read(&mut chunk).await {
        last.extend_from_slice(&chunk[..length]);
        let excess = last.len().saturating_sub(LAST_WORDS);
        last.drain(..excess);
    }
    let text = String::from_utf8_lossy(&last);
    text.lines().rev().find(|line| !line.trim().is_empty()).map(|line| format!(": {}", line.trim())).unwrap_or_default()
}

/// Removes the profiles of processes of ours that died without removing them.
#[cfg(unix)]
fn sweep_profiles() {
    let Ok(entries) = std::env::temp_dir().read_dir() else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PROFILE)).and_then(|rest| rest.split('-').next()?.parse().ok());
        let Some(owner) = owner.and_then(rustix::process::Pid::from_raw) else { continue };
        if matches!(rustix::process::test_kill_process(owner), Err(rustix::io::Errno::SRCH)) {
            std::fs::remove_dir_all(entry.path()).ok();
        }
    }
}

fn flags(profile: &Path, trusted_keys: &[String]) -> Vec<String> {
    let mut flags: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
    flags.push(format!("--user-data-dir={}", profile.display()));
    if !trusted_keys.is_empty() {
        flags.push(format!("--ignore-certificate-errors-spki-list={}", trusted_keys.join(",")));
    }
    if is_root() {
        tracing::warn!("running as root: the browser's sandbox is off; run as an ordinary user to have it");
        flags.push("--no-sandbox".to_owned());
    }
    flags.push("about:blank".to_owned());
    flags
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

const FLAGS: &[&str] = &[
    "--headless",
    "--remote-debugging-pipe",
    // No way out but by the proxy of a job: this one has no address, and loopback is no exception.
    "--proxy-server=http://deny.invalid:1",
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    // What a browser does on its own account: updates, pings, preloads, other tries. The last four features load pages of
    // the browser's own address bar into a renderer of their own for every window: more than half of the processor time
    // that a context costs (Chromium 156: 224 of 493 ms are left).
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--disable-auto-reload",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-component-extensions-with-background-pages",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-search-engine-choice-screen",
    "--disable-sync",
    "--metrics-recording-only",
    "--password-store=basic",
    "--use-mock-keychain",
    "--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider,CertificateTransparencyComponentUpdater,AutofillServerCommunication,InterestFeedContentSuggestions,Prerender2,RenderDocument,ProactivelySwapBrowsingInstance,PaintHolding,IsolateOrigins,site-per-process,WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup,PreloadTopChromeWebUI",
    // A page that moves into another frame or process loses the events of its first moments, the reason why it leaves
    // among them. Nothing in a throw-away context is worth keeping sites apart; contexts never share a process.
    "--disable-site-isolation-trials",
    "--disable-back-forward-cache",
    // Pages must see what a visitor's browser shows them.
    "--disable-blink-features=AutomationControlled",
    "--window-size=1366,768",
    // Tabs that nobody looks at are no reason to slow down their timers.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-hang-monitor",
    "--disable-gpu",
    "--mute-audio",
    // Containers give /dev/shm 64 MiB, and pages crash when it is full.
    "--disable-dev-shm-usage",
    // Of a page's scripts; see also `memory`.
    "--js-flags=--max-old-space-size=512",
];
