//! A browser context of one job: opened fresh, with the job's own proxy, gone with cookies and cache when it is closed.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::Context;
use protocol::result::MAX_SCREENSHOT_BYTES;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::cdp::{Asked, CdpError, Client, Event, Events, Fields as _, TargetInfo};
use super::disguise::{self, Command};
use super::process::Browser;
use super::proxy::{JobProxy, Pass};
use crate::chain::Screenshot;
use crate::context::Identity;
use crate::settings::{PictureFormat, Screenshots};

/// Where a tab begins: at what is no URL, which browsers drop before they start a process for it. With `about:blank` they
/// start one, make a document and draw it: an eighth of the processor time of a job (Chromium 156: 205 and 180 ms).
const NOWHERE: &str = ":";
/// Where it begins in a browser that will not have it so.
const BLANK: &str = "about:blank";
/// How long a browser may take to open a tab.
const OPEN: Duration = Duration::from_secs(15);

/// How long a picture may take.
const PICTURE: Duration = Duration::from_secs(3);
/// Bytes of one full picture: a screen of photographs has 300 KiB as WebP, and ten times as much as PNG.
const MAX_FULL_BYTES: usize = 4 * 1_024 * 1_024;
/// How a picture for a result is tried, until it is small enough: the qualities.
const SMALL_QUALITIES: [u32; 3] = [70, 40, 10];

/// Whether pictures, fonts and media are loaded: only a screenshot needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pictures {
    Loaded(Screenshots),
    Withheld,
}

/// A context that the browser has opened. Dropping it has it closed: pages, cookies, cache and all, however its job ends.
/// Nobody waits for that, and the browser does it before what it is asked for next: waiting kept each job 8 ms longer
/// (Chromium 156).
struct Opened {
    client: Client,
    id: String,
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.client.forget_context(&self.id);
        self.client.tell("", "Target.disposeBrowserContext", json!({"browserContextId": self.id}));
    }
}

/// An open context with its page.
pub(super) struct JobContext {
    /// Gone before the browser, which may end with its last job.
    _opened: Opened,
    pub(super) browser: Arc<Browser>,
    /// Session of the page.
    pub(super) session: String,
    /// Target of the page, which is the id of its main frame too.
    pub(super) frame: String,
    pub(super) events: Events,
    /// What every child of the page is told before it runs.
    agent: Command,
    /// What the job's proxy wants to see.
    pass: Option<Pass>,
    /// Whether its tab began at a page of its own.
    pub(super) began_blank: bool,
}

/// An open context with its empty tab, which has been told nothing yet: it belongs to no job.
pub(super) struct FreshContext {
    opened: Opened,
    session: String,
    frame: String,
    events: Events,
    begins_blank: bool,
}

impl FreshContext {
    /// Opens a context whose only way out is the proxy at `port`, with one empty tab.
    ///
    /// # Errors
    /// [`CdpError`].
    pub(super) async fn open(client: Client, port: u16, begins_blank: bool) -> Result<Self, CdpError> {
        let options = json!({"disposeOnDetach": true, "proxyServer": format!("http://127.0.0.1:{port}"), "proxyBypassList": "<-loopback>"});
        let created = client.call("", "Target.createBrowserContext", options).await?;
        let opened = Opened { id: created.text("browserContextId").to_owned(), client };
        let events = opened.client.events_of(&opened.id);
        let mut fresh = Self { opened, session: String::new(), frame: String::new(), events, begins_blank };
        fresh.open_page().await?;
        Ok(fresh)
    }

    async fn open_page(&mut self) -> Result<(), CdpError> {
        let Opened { client, id } = &self.opened;
        client.post("", "Browser.setDownloadBehavior", json!({"behavior": "deny", "browserContextId": id, "eventsEnabled": true})).await?;
        // Grants nothing and denies the rest.
        client.post("", "Browser.grantPermissions", json!({"permissions": [], "browserContextId": id})).await?;
        let tab = |url: &str| client.call("", "Target.createTarget", json!({"url": url, "browserContextId": id}));
        match tab(if self.begins_blank { BLANK } else { NOWHERE }).await {
            Ok(_) => (),
            Err(CdpError::Refused { .. }) => {
                tab(BLANK).await?;
                self.begins_blank = true;
            }
            Err(error) => return Err(error),
        }
        let deadline = Instant::now() + OPEN;
        loop {
            let event = tokio::time::timeout_at(deadline, self.events.recv()).await.map_err(|_| CdpError::Silent("Target.createTarget"))?;
            let event = event.ok_or(CdpError::Ended)?;
            if event.method == "Target.attachedToTarget" && TargetInfo::of(&event.params).kind == "page" {
                self.session = event.params.text("sessionId").to_owned();
                self.frame = TargetInfo::of(&event.params).target;
                return Ok(());
            }
        }
    }
}

impl JobContext {
    /// Makes a fresh context the job's: tells its page who the visitor is, and lets it run. The command that comes with it
    /// is answered when the page's process has heard all that.
    ///
    /// # Errors
    /// [`CdpError`].
    pub(super) async fn of(
        fresh: FreshContext,
        browser: Arc<Browser>,
        proxy: &JobProxy,
        context: &Context,
        identity: &Identity,
        pictures: Pictures,
    ) -> Result<(Self, Asked), CdpError> {
        let FreshContext { opened, session, frame, events, begins_blank: began_blank } = fresh;
        let (agent, pass) = (disguise::agent(identity, context.device), proxy.pass().cloned());
        let job = Self { _opened: opened, browser, session, frame, events, agent, pass, began_blank };
        let told = job.begin(context, identity, pictures).await?;
        Ok((job, told))
    }

    async fn begin(&self, context: &Context, identity: &Identity, pictures: Pictures) -> Result<Asked, CdpError> {
        let client = &self.browser.client;
        // None of these is awaited: commands of a session run in order, and `Page.navigate` comes last.
        let mut commands: Vec<Command> = vec![
            ("Page.enable", json!({})),
            ("Inspector.enable", json!({})),
            // Bodies are read from the page when they are needed, not kept beside it.
            ("Network.enable", json!({"maxTotalBufferSize": 0, "maxResourceBufferSize": 0})),
            ("Page.setLifecycleEventsEnabled", json!({"enabled": true})),
            ("Target.setAutoAttach", json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true})),
            self.agent.clone(),
        ];
        commands.extend(disguise::screen(context.device));
        commands.extend(disguise::fields(identity));
        commands.extend(disguise::locale(context));
        let mut held_up = match pictures {
            Pictures::Withheld => vec!["Image", "Font", "Media"],
            Pictures::Loaded(_) => Vec::new(),
        };
        // Chromium tells who wants credentials only of requests that it holds up. The first of a job is a document's.
        held_up.extend(self.pass.as_ref().map(|_| "Document"));
        if !held_up.is_empty() {
            let patterns: Vec<Value> = held_up.iter().map(|kind| json!({"resourceType": kind})).collect();
            commands.push(("Fetch.enable", json!({"patterns": patterns, "handleAuthRequests": self.pass.is_some()})));
        }
        for (method, params) in commands {
            client.post(&self.session, method, params).await?;
        }
        client.ask(&self.session, "Runtime.runIfWaitingForDebugger", json!({})).await
    }

    /// Gives the page the focus, which a tab that began nowhere has not, and which only one of several windows has. Wanted
    /// once a document stands there: sooner, Chromium 156 gives up a first navigation that leads to another site.
    ///
    /// # Errors
    /// [`CdpError`].
    pub(super) async fn focus(&self) -> Result<(), CdpError> {
        self.browser.client.post(&self.session, "Emulation.setFocusEmulationEnabled", json!({"enabled": true})).await
    }

    /// Goes to the tracking URL, as if someone had typed it, or had come from `referer`.
    ///
    /// # Errors
    /// [`CdpError`].
    pub(super) async fn navigate(&self, url: &str, referer: Option<&str>) -> Result<(), CdpError> {
        let mut navigation = json!({"url": url, "transitionType": "typed"});
        if let Some(referer) = referer {
            navigation["referrer"] = referer.into();
            // Word for word, path and all.
            navigation["referrerPolicy"] = "unsafeUrl".into();
            navigation["transitionType"] = "link".into();
        }
        self.browser.client.post(&self.session, "Page.navigate", navigation).await
    }

    /// Answers whoever wants credentials: the job's proxy gets its pass, others are left to the browser, which has none.
    ///
    /// # Errors
    /// [`CdpError`].
    pub(super) async fn authorize(&self, event: &Event) -> Result<(), CdpError> {
        let challenge = &event.params["authChallenge"];
        let answer = match self.pass.as_ref().filter(|pass| pass.is_asked_for(challenge.text("source"), challenge.text("realm"))) {
            Some(Pass { credentials, .. }) => {
                json!({"response": "ProvideCredentials", "username": credentials.user, "password": credentials.password.expose()})
            }
            None => json!({"response": "Default"}),
        };
        let answer = json!({"requestId": event.params["requestId"], "authChallengeResponse": answer});
        self.browser.client.post(&event.session, "Fetch.continueWithAuth", answer).await
    }

    /// Lets a new child run: frames and workers of the page after they were told who they are; popups are closed.
    ///
    /// # Errors
    /// [`CdpError`].
    pub(super) async fn adopt(&self, event: &Event) -> Result<Child, CdpError> {
        let client = &self.browser.client;
        let info = TargetInfo::of(&event.params);
        let session = event.params.text("sessionId");
        if matches!(info.kind.as_str(), "page" | "tab" | "webview") {
            client.post("", "Target.closeTarget", json!({"targetId": info.target})).await?;
            return Ok(Child::Popup(info.url));
        }
        let children = json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true});
        for (method, params) in [
            ("Network.enable", json!({"maxTotalBufferSize": 0, "maxResourceBufferSize": 0})),
            self.agent.clone(),
            ("Target.setAutoAttach", children),
            ("Runtime.runIfWaitingForDebugger", json!({})),
        ] {
            client.post(session, method, params).await?;
        }
        Ok(Child::Part)
    }

    /// A picture of what a visitor sees first; `None` when it cannot be had in time, or is too large.
    pub(super) async fn screenshot(&self, wanted: Screenshots) -> Option<Screenshot> {
        match wanted {
            Screenshots::Off => None,
            Screenshots::Full(PictureFormat::Png) => self.capture(json!({"format": "png"}), MAX_FULL_BYTES).await,
            Screenshots::Full(PictureFormat::WebP) => self.capture(json!({"format": "webp", "quality": 80}), MAX_FULL_BYTES).await,
            Screenshots::InResults => {
                let metrics = self.browser.client.call_within(&self.session, "Page.getLayoutMetrics", json!({}), PICTURE).await.ok()?;
                let side = |name: &str| metrics["cssLayoutViewport"][name].as_f64().unwrap_or_default();
                for quality in SMALL_QUALITIES {
                    let clip = json!({"x": 0, "y": 0, "width": side("clientWidth"), "height": side("clientHeight"), "scale": 0.5});
                    let wanted = json!({"format": "webp", "quality": quality, "clip": clip});
                    if let Some(picture) = self.capture(wanted, MAX_SCREENSHOT_BYTES).await {
                        return Some(picture);
                    }
                }
                None
            }
        }
    }

    async fn capture(&self, mut wanted: Value, most: usize) -> Option<Screenshot> {
        wanted["optimizeForSpeed"] = true.into();
        let taken = self.browser.client.call_within(&self.session, "Page.captureScreenshot", wanted, PICTURE).await;
        let bytes = STANDARD.decode(taken.ok()?.text("data")).ok()?;
        Some(Screenshot(bytes)).filter(|picture| (1..=most).contains(&picture.0.len()))
    }
}

/// A new target of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Child {
    /// Part of the page: a frame, a worker.
    Part,
    /// A window of its own, closed already; where it was to go, if that is known.
    Popup(String),
}
