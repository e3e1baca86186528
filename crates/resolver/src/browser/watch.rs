//! Watches a job's page until it has settled: takes in events, answers those that want an answer, and asks the page where
//! it stands when its events fall silent. Questions never hold up events: a page that shows a dialog answers nothing
//! until the dialog is gone.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::ahead::Ahead;
use super::cdp::{CdpError, Event, Fields as _, MAX_EVENTS};
use super::context::{Child, JobContext};
use super::evidence::Seen;
use super::look::{Look, Standing, stand};
use super::navigation::Tracker;
use super::settle::{self, Stage};
use crate::budgets::Budgets;
use crate::chain::End;
use crate::location;

/// The same request answered so often again is a loop. More than once, since what a page keeps in its storage may count
/// visits without a trace in the request.
const REPEATS: usize = 3;
/// A page that answers no question for so long, while it asks for nothing either, is hung.
const HUNG: Duration = Duration::from_secs(6);

/// A picture of one transparent dot: pages that wait for a picture to load go on as with any other.
const DOT: &[u8] =
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// How watching ended.
pub(super) enum Watched {
    /// Nothing more will come; what stands there, when something does.
    Settled(Option<Look>),
    /// It was ended.
    Ends(End),
}

/// One page under watch.
pub(super) struct Watch<'a> {
    pub(super) open: &'a mut JobContext,
    pub(super) budgets: &'a Budgets,
    pub(super) tracker: &'a mut Tracker,
    pub(super) seen: &'a mut Seen,
    /// When the last event came.
    heard_at: Instant,
    /// The last answer, and the turn of events that it belongs to.
    looked: Option<Looked>,
    /// Since when questions fail.
    mute_since: Option<Instant>,
    /// Where the next job's context is opened, once.
    ahead: Option<&'a Arc<Ahead>>,
    /// Whether the page has the focus.
    is_focused: bool,
}

struct Looked {
    turn: u64,
    at: Instant,
    look: Look,
}

/// A question under way.
struct Question {
    turn: u64,
    answer: Pin<Box<dyn Future<Output = Result<Standing, CdpError>> + Send>>,
}

/// What to do next.
enum Next {
    Done(Watched),
    Ask,
    WaitUntil(Instant),
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        open: &'a mut JobContext,
        budgets: &'a Budgets,
        tracker: &'a mut Tracker,
        seen: &'a mut Seen,
        ahead: Option<&'a Arc<Ahead>>,
    ) -> Self {
        Self { open, budgets, tracker, seen, heard_at: Instant::now(), looked: None, mute_since: None, ahead, is_focused: false }
    }

    /// Watches. The caller bounds it by the chain's budget.
    ///
    /// # Errors
    /// [`CdpError::Ended`] when the browser is gone.
    pub(super) async fn run(&mut self) -> Result<Watched, CdpError> {
        let mut question: Option<Question> = None;
        loop {
            let now = Instant::now();
            let wake = match self.next(now) {
                Next::Done(watched) => return Ok(watched),
                Next::Ask => {
                    question.get_or_insert_with(|| self.question());
                    now + self.budgets.hop
                }
                Next::WaitUntil(wake) => wake,
            };
            let answer = async {
                match &mut question {
                    Some(question) => question.answer.as_mut().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                event = self.open.events.recv() => match event {
                    Some(event) => self.take_in(event).await?,
                    None if self.open.browser.is_alive() => {
                        let cause = format!("the page does more than can be watched: {MAX_EVENTS} events at once");
                        return Ok(Watched::Ends(End::TimedOut(cause)));
                    }
                    None => return Err(CdpError::Ended),
                },
                answer = answer => {
                    let turn = question.take().map_or(0, |question| question.turn);
                    self.answered(answer, turn)?;
                }
                () = tokio::time::sleep_until(wake) => (),
            }
        }
    }

    fn next(&mut self, now: Instant) -> Next {
        if let Some(end) = self.is_too_much() {
            return Next::Done(Watched::Ends(end));
        }
        let turn = self.tracker.turns;
        let looked = self.looked.as_ref().filter(|looked| looked.turn == turn);
        let is_at_rest = settle::is_at_rest(self.tracker, self.budgets, now);
        match settle::stage(self.tracker, self.budgets, now) {
            Stage::Over => Next::Done(Watched::Settled(None)),
            Stage::HopTimedOut => {
                let cause = format!("no whole answer within {} s", self.budgets.hop.as_secs());
                Next::Done(Watched::Ends(End::TimedOut(cause)))
            }
            // Often there is nothing on a page that could ever run: then there is nothing to wait for.
            Stage::Until(due) if is_at_rest => match looked {
                Some(looked) if !looked.look.has_scripts => Next::Done(Watched::Settled(Some(looked.look.clone()))),
                Some(_) => Next::WaitUntil(due),
                None => self.ask_or_wait(now),
            },
            Stage::Until(_) if settle::is_overdue(self.tracker, self.heard_at, now) => self.ask_or_wait(now),
            Stage::Until(due) => Next::WaitUntil(due.min(now + settle::EVENT_PATIENCE)),
            Stage::Quiet => {
                let timers_until = settle::timers_until(self.tracker, self.budgets).unwrap_or(now);
                match looked {
                    Some(looked) if !looked.look.may_move || looked.at >= timers_until => {
                        Next::Done(Watched::Settled(Some(looked.look.clone())))
                    }
                    Some(_) if timers_until > now => Next::WaitUntil(timers_until),
                    Some(_) | None => self.ask_or_wait(now),
                }
            }
        }
    }

    /// A page that keeps failing to answer is asked at a walking pace, and given up after a while.
    fn ask_or_wait(&mut self, now: Instant) -> Next {
        match self.mute_since {
            Some(since) if now - since > HUNG => {
                Next::Done(Watched::Ends(End::TimedOut("the page does not answer: its scripts never end".to_owned())))
            }
            Some(_) if now < self.heard_at + settle::EVENT_PATIENCE => Next::WaitUntil(self.heard_at + settle::EVENT_PATIENCE),
            Some(_) | None => Next::Ask,
        }
    }

    fn question(&self) -> Question {
        let (client, session, frame) = (self.open.browser.client.clone(), self.open.session.clone(), self.open.frame.clone());
        Question { turn: self.tracker.turns, answer: Box::pin(async move { stand(&client, &session, &frame).await }) }
    }

    fn answered(&mut self, answer: Result<Standing, CdpError>, turn: u64) -> Result<(), CdpError> {
        let now = Instant::now();
        self.heard_at = now;
        match answer {
            Ok(standing) => {
                self.mute_since = None;
                let is_current = turn == self.tracker.turns;
                self.tracker.stands(&standing.frame, now);
                if is_current {
                    self.tracker.is_ready(&standing.look.ready_state, now);
                    self.tracker.has_refresh(standing.look.refresh.clone());
                    // What the answer itself has changed needs no second look.
                    self.looked = Some(Looked { turn: self.tracker.turns, at: now, look: standing.look });
                }
                Ok(())
            }
            Err(CdpError::Ended) => Err(CdpError::Ended),
            // It is busy, or gone elsewhere meanwhile: events will tell.
            Err(CdpError::Silent(_) | CdpError::Refused { .. } | CdpError::Incomplete(_) | CdpError::TabEnded) => {
                self.mute_since.get_or_insert(now);
                Ok(())
            }
        }
    }

    /// Chains without end are ended here: Chromium itself follows meta refreshes and scripts for ever.
    fn is_too_much(&self) -> Option<End> {
        let is_page = |status: Option<u16>| !location::is_redirect(status.unwrap_or_default());
        if let Some((times, repeats)) = self.tracker.repeats()
            && times >= REPEATS
            && self.tracker.last().is_some_and(|last| is_page(last.hop.status))
        {
            return Some(End::Loop { repeats });
        }
        let limit = self.budgets.hops;
        (self.tracker.visits.len() > limit as usize).then_some(End::TooManyHops { limit })
    }

    /// Takes in an event, and answers what wants an answer.
    async fn take_in(&mut self, event: Event) -> Result<(), CdpError> {
        tracing::trace!(session = event.session, method = event.method, params = %Short(&event.params), "browser event");
        self.heard_at = Instant::now();
        self.tracker.observe(&event, self.heard_at);
        if !self.is_focused && self.tracker.document.is_some() {
            self.is_focused = true;
            self.open.focus().await?;
        }
        let client = &self.open.browser.client;
        match event.method.as_str() {
            "Page.javascriptDialogOpening" => {
                self.seen.dialogs = self.seen.dialogs.saturating_add(1);
                // Leaving a page must not hang on its "are you sure".
                let accept = event.params.text("type") == "beforeunload";
                client.post(&event.session, "Page.handleJavaScriptDialog", json!({"accept": accept})).await?;
            }
            // The job's own request is on its way, and the process that its page will want is starting: the browser has time.
            "Network.requestWillBeSent" => {
                if let Some(ahead) = self.ahead.take() {
                    ahead.fill(&self.open.browser);
                }
            }
            "Page.windowOpen" => self.seen.popup(event.params.text("url")),
            "Page.frameRequestedNavigation" if matches!(event.params.text("disposition"), "newTab" | "newWindow") => {
                self.seen.popup(event.params.text("url"));
            }
            "Target.attachedToTarget" => match self.open.adopt(&event).await? {
                Child::Popup(url) => self.seen.popup(&url),
                Child::Part => (),
            },
            "Target.detachedFromTarget" => self.tracker.traffic.forget_session(event.params.text("sessionId")),
            "Fetch.authRequired" => self.open.authorize(&event).await?,
            "Fetch.requestPaused" => {
                let id = &event.params["requestId"];
                let kind = event.params.text("resourceType");
                if kind == "Document" {
                    client.post(&event.session, "Fetch.continueRequest", json!({"requestId": id})).await?;
                } else if kind == "Image" {
                    let dot = json!({
                        "requestId": id, "responseCode": 200, "body": STANDARD.encode(DOT),
                        "responseHeaders": [{"name": "Content-Type", "value": "image/gif"}, {"name": "Access-Control-Allow-Origin", "value": "*"}],
                    });
                    client.post(&event.session, "Fetch.fulfillRequest", dot).await?;
                } else {
                    client.post(&event.session, "Fetch.failRequest", json!({"requestId": id, "errorReason": "BlockedByClient"})).await?;
                }
            }
            _ => (),
        }
        Ok(())
    }
}

/// An event in a log line.
struct Short<'a>(&'a Value);

impl std::fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.0.to_string();
        let end = text.char_indices().nth(600).map_or(text.len(), |(at, _)| at);
        f.write_str(&text[..end])
    }
}
