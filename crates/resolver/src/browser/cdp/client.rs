//! Commands out, answers and events in. Sessions are flattened: one pair of pipes, each message with its session.
//!
//! Events of a job's sessions go to that job's own bounded queue. A queue that overflows is closed: that job ends, the
//! others do not notice.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::message::{Event, Fields as _, TargetInfo};

/// Commands that wait to be written: a job has a few under way, and a browser that does not read is as good as dead.
const MAX_OUTGOING: usize = 256;
/// Events of one job that wait to be looked at: a page with a thousand resources makes some 5,000.
pub(crate) const MAX_EVENTS: usize = 16_384;
/// Bytes of one message. Longer ones (a `data:` URL of a hundred megabytes, say) are passed over unread.
const MAX_MESSAGE_BYTES: usize = 16 * 1_024 * 1_024;
/// How long a command may take; those that wait for a page have limits of their own.
const COMMAND: Duration = Duration::from_secs(10);
/// Bytes asked of the pipe at once.
const READ_BYTES: usize = 64 * 1_024;

/// The events of one job.
pub(crate) type Events = mpsc::Receiver<Event>;

/// Why a command has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CdpError {
    #[error("the browser has ended")]
    Ended,
    #[error("the browser does not answer `{0}`")]
    Silent(&'static str),
    #[error("the browser refuses `{method}`: {cause}")]
    Refused { method: &'static str, cause: String },
    #[error("the browser's answer to `{0}` lacks what was asked for")]
    Incomplete(&'static str),
    /// Headless shells do that to tabs that begin nowhere. Nothing was asked of anybody.
    #[error("the browser ended the tab before it was anywhere")]
    TabEnded,
}

/// A connection to one browser. Clones share it.
#[derive(Clone)]
pub(crate) struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    outgoing: mpsc::Sender<Vec<u8>>,
    next: AtomicU64,
    routes: Mutex<Routes>,
    ended: CancellationToken,
}

#[derive(Default)]
struct Routes {
    answers: HashMap<u64, oneshot::Sender<Result<Value, String>>>,
    /// Jobs by browser context: where a new session belongs before anyone has heard of it.
    contexts: HashMap<String, mpsc::Sender<Event>>,
    sessions: HashMap<String, (String, mpsc::Sender<Event>)>,
}

impl Client {
    /// Speaks over `to` and `from` until one of them ends.
    pub(crate) fn start(from: impl AsyncRead + Send + Unpin + 'static, to: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        let (outgoing, waiting) = mpsc::channel(MAX_OUTGOING);
        let ended = CancellationToken::new();
        let shared = Arc::new(Shared { outgoing, next: AtomicU64::new(1), routes: Mutex::default(), ended: ended.clone() });
        tokio::spawn(write(waiting, to, ended));
        // The reader holds no strong reference: the last client to go closes the pipe, and the browser with it.
        let reading = Arc::downgrade(&shared);
        tokio::spawn(async move { read(from, &reading).await });
        Self { shared }
    }

    /// Resolves when the browser has ended.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.shared.ended
    }

    /// Sends a command and awaits its result.
    ///
    /// # Errors
    /// [`CdpError`].
    pub(crate) async fn call(&self, session: &str, method: &'static str, params: Value) -> Result<Value, CdpError> {
        self.call_within(session, method, params, COMMAND).await
    }

    /// As [`Self::call`], for commands that wait for a page.
    ///
    /// # Errors
    /// [`CdpError`].
    pub(crate) async fn call_within(&self, session: &str, method: &'static str, params: Value, limit: Duration) -> Result<Value, CdpError> {
        self.ask(session, method, params).await?.answer(limit).await
    }

    /// Sends a command whose result is awaited later.
    ///
    /// # Errors
    /// [`CdpError::Ended`], or [`CdpError::Silent`] when the browser reads nothing any more.
    pub(crate) async fn ask(&self, session: &str, method: &'static str, params: Value) -> Result<Asked, CdpError> {
        let id = self.next_id();
        let (answer, answered) = oneshot::channel();
        self.routes().answers.insert(id, answer);
        let asked = Asked { client: self.clone(), id, method, answered };
        self.send(id, session, method, params).await?;
        Ok(asked)
    }

    /// Sends a command whose result nobody needs: commands of one session run in order.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) async fn post(&self, session: &str, method: &'static str, params: Value) -> Result<(), CdpError> {
        self.send(self.next_id(), session, method, params).await
    }

    /// As [`Self::post`], from where nothing can be awaited. A browser that has left no room for it is as good as dead.
    pub(crate) fn tell(&self, session: &str, method: &'static str, params: Value) {
        if self.shared.outgoing.try_send(message(self.next_id(), session, method, params)).is_err() {
            tracing::debug!(method, "the browser could not be told");
        }
    }

    /// The events of everything that happens in a browser context, until [`Self::forget_context`].
    pub(crate) fn events_of(&self, context: &str) -> Events {
        let (sender, receiver) = mpsc::channel(MAX_EVENTS);
        self.routes().contexts.insert(context.to_owned(), sender);
        receiver
    }

    /// Forgets a context and its sessions.
    pub(crate) fn forget_context(&self, context: &str) {
        let mut routes = self.routes();
        routes.contexts.remove(context);
        routes.sessions.retain(|_, (own, _)| own != context);
    }

    fn next_id(&self) -> u64 {
        self.shared.next.fetch_add(1, Ordering::Relaxed)
    }

    fn routes(&self) -> MutexGuard<'_, Routes> {
        self.shared.routes()
    }

    async fn send(&self, id: u64, session: &str, method: &'static str, params: Value) -> Result<(), CdpError> {
        let message = message(id, session, method, params);
        tokio::select! {
            sent = tokio::time::timeout(COMMAND, self.shared.outgoing.send(message)) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(CdpError::Ended),
                Err(_) => Err(CdpError::Silent(method)),
            },
            () = self.shared.ended.cancelled() => Err(CdpError::Ended),
        }
    }
}

/// A command as it is written.
fn message(id: u64, session: &str, method: &'static str, params: Value) -> Vec<u8> {
    let mut message = json!({"id": id, "method": method, "params": params});
    if !session.is_empty() {
        message["sessionId"] = session.into();
    }
    let mut bytes = message.to_string().into_bytes();
    bytes.push(0);
    bytes
}

/// A command that was sent. Whoever stops waiting for its result, by a limit or by dropping this, takes the entry along.
pub(crate) struct Asked {
    client: Client,
    id: u64,
    method: &'static str,
    answered: oneshot::Receiver<Result<Value, String>>,
}

impl Asked {
    /// Awaits the result.
    ///
    /// # Errors
    /// [`CdpError`].
    pub(crate) async fn answer(mut self, limit: Duration) -> Result<Value, CdpError> {
        let method = self.method;
        tokio::select! {
            result = tokio::time::timeout(limit, &mut self.answered) => match result {
                Err(_) => Err(CdpError::Silent(method)),
                Ok(Err(_)) => Err(CdpError::Ended),
                Ok(Ok(Err(cause))) => Err(CdpError::Refused { method, cause }),
                Ok(Ok(Ok(result))) => Ok(result),
            },
            () = self.client.shared.ended.cancelled() => Err(CdpError::Ended),
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.client.routes().answers.remove(&self.id);
    }
}

impl Shared {
    fn routes(&self) -> MutexGuard<'_, Routes> {
        // Nothing below panics between two changes that belong together.
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive(&self, bytes: &[u8]) {
        let Ok(mut message) = serde_json::from_slice::<Value>(bytes) else {
            tracing::debug!(bytes = bytes.len(), "the browser sent no JSON");
            return;
        };
        if let Some(id) = message.get("id").and_then(Value::as_u64) {
            let answer = match message.get("error") {
                Some(error) => Err(error.text("message").to_owned()),
                None => Ok(message["result"].take()),
            };
            let waiting = self.routes().answers.remove(&id);
            match (waiting, answer) {
                (Some(waiting), answer) => drop(waiting.send(answer)),
                (None, Err(cause)) => tracing::trace!(id, cause, "the browser refuses a command"),
                (None, Ok(_)) => (),
            }
            return;
        }
        let session = message.text("sessionId").to_owned();
        let method = message.text("method").to_owned();
        self.dispatch(Event { session, method, params: message["params"].take() });
    }

    /// To the job that the event belongs to; events of nobody's are dropped.
    fn dispatch(&self, event: Event) {
        let mut routes = self.routes();
        let route = match event.method.as_str() {
            // Here and not in the job: the child's first events follow at once.
            "Target.attachedToTarget" => {
                let info = TargetInfo::of(&event.params);
                let child = event.params.text("sessionId").to_owned();
                let route = match routes.sessions.get(&event.session) {
                    Some(parent) => Some(parent.clone()),
                    None => routes.contexts.get(&info.context).map(|sender| (info.context.clone(), sender.clone())),
                };
                if let Some(route) = &route {
                    routes.sessions.insert(child, route.clone());
                }
                route
            }
            "Target.detachedFromTarget" => routes.sessions.remove(event.params.text("sessionId")),
            _ => routes.sessions.get(&event.session).cloned(),
        };
        let Some((context, sender)) = route else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = sender.try_send(event) {
            // Without its senders the queue ends when it has been read: the job sees that it missed something.
            routes.contexts.remove(&context);
            routes.sessions.retain(|_, (own, _)| *own != context);
        }
    }

    fn end(&self) {
        self.ended.cancel();
        let mut routes = self.routes();
        *routes = Routes::default();
    }
}

async fn write(mut waiting: mpsc::Receiver<Vec<u8>>, mut to: impl AsyncWrite + Unpin, ended: CancellationToken) {
    while let Some(bytes) = waiting.recv().await {
        if to.write_all(&bytes).await.is_err() || to.flush().await.is_err() {
            break;
        }
    }
    ended.cancel();
}

async fn read(mut from: impl AsyncRead + Unpin, shared: &std::sync::Weak<Shared>) {
    let mut buffer: Vec<u8> = Vec::with_capacity(READ_BYTES);
    let mut is_passing_over = false;
    let mut chunk = vec![0; READ_BYTES];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        let Some(shared) = shared.upgrade() else { return };
        let mut rest = &chunk[..length];
        while let Some(end) = rest.iter().position(|&byte| byte == 0) {
            if !is_passing_over && buffer.len() + end <= MAX_MESSAGE_BYTES {
                buffer.extend_from_slice(&rest[..end]);
                shared.receive(&buffer);
            }
            is_passing_over = false;
            buffer.clear();
            rest = &rest[end + 1..];
        }
        if buffer.len() + rest.len() > MAX_MESSAGE_BYTES {
            is_passing_over = true;
            buffer = Vec::new();
        } else if !is_passing_over {
            buffer.extend_from_slice(rest);
        }
    }
    if let Some(shared) = shared.upgrade() {
        shared.end();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    struct Fake {
        from_client: tokio::io::DuplexStream,
        to_client: tokio::io::DuplexStream,
    }

    fn pair() -> (Client, Fake) {
        let (to_client, from) = duplex(MAX_MESSAGE_BYTES * 2);
        let (to, from_client) = duplex(1_024 * 1_024);
        (Client::start(from, to), Fake { from_client, to_client })
    }

    impl Fake {
        async fn say(&mut self, message: Value) {
            self.to_client.write_all(format!("{message}\0").as_bytes()).await.unwrap();
        }

        async fn command(&mut self) -> Value {
            let mut bytes = Vec::new();
            loop {
                match self.from_client.read_u8().await.unwrap() {
                    0 => return serde_json::from_slice(&bytes).unwrap(),
                    byte => bytes.push(byte),
                }
            }
        }
    }

    #[tokio::test]
    async fn answers_find_their_commands_among_events_nobody_knows() {
        let (client, mut browser) = pair();
        let calls = async { tokio::join!(client.call("", "A.a", json!({})), client.call("s", "B.b", json!({"x": 1}))) };
        let answers = async {
            let (first, second) = (browser.command().await, browser.command().await);
            assert_eq!((first.text("method"), second.text("sessionId")), ("A.a", "s"));
            browser.say(json!({"method": "Brand.new", "params": {"x": []}})).await;
            browser.to_client.write_all(b"not json\0").await.unwrap();
            browser.say(json!({"id": second["id"], "error": {"message": "no"}})).await;
            browser.say(json!({"id": 99_999, "result": {}})).await;
            browser.say(json!({"id": first["id"], "result": {"ok": true}})).await;
        };
        let ((first, second), ()) = tokio::join!(calls, answers);
        assert!(first.unwrap().flag("ok"));
        assert!(matches!(second, Err(CdpError::Refused { cause, .. }) if cause == "no"));
    }

    #[tokio::test]
    async fn children_of_a_context_report_to_its_job_from_their_first_event_on() {
        let (client, mut browser) = pair();
        let mut events = client.events_of("ctx");
        let attached = |session: &str, parent: Option<&str>| {
            let mut event =
                json!({"method": "Target.attachedToTarget", "params": {"sessionId": session, "targetInfo": {"browserContextId": "ctx"}}});
            if let Some(parent) = parent {
                event["sessionId"] = parent.into();
                event["params"]["targetInfo"] = json!({});
            }
            event
        };
        browser.say(attached("s1", None)).await;
        browser.say(json!({"method": "Page.x", "sessionId": "s1"})).await;
        browser.say(attached("s2", Some("s1"))).await;
        browser.say(json!({"method": "Worker.y", "sessionId": "s2"})).await;
        browser.say(json!({"method": "Page.z", "sessionId": "somebody else's"})).await;
        browser.say(json!({"method": "Page.last", "sessionId": "s1"})).await;
        let mut methods = Vec::new();
        while methods.last().is_none_or(|last| last != "Page.last") {
            methods.push(events.recv().await.unwrap().method);
        }
        assert_eq!(methods, ["Target.attachedToTarget", "Page.x", "Target.attachedToTarget", "Worker.y", "Page.last"]);
    }

    #[tokio::test]
    async fn a_message_without_end_is_passed_over() {
        let (client, mut browser) = pair();
        let mut events = client.events_of("ctx");
        let huge = "x".repeat(MAX_MESSAGE_BYTES + 1);
        browser
            .say(json!({"method": "Target.attachedToTarget", "params": {"sessionId": "s", "targetInfo": {"browserContextId": "ctx"}}}))
            .await;
        browser.say(json!({"method": "Page.huge", "sessionId": "s", "params": {"url": huge}})).await;
        browser.say(json!({"method": "Page.next", "sessionId": "s"})).await;
        assert_eq!(events.recv().await.unwrap().method, "Target.attachedToTarget");
        assert_eq!(events.recv().await.unwrap().method, "Page.next");
    }

    #[tokio::test]
    async fn a_browser_that_ends_ends_every_wait() {
        let (client, browser) = pair();
        let mut events = client.events_of("ctx");
        let (call, event, ()) = tokio::join!(client.call("", "A.a", json!({})), events.recv(), async { drop(browser) });
        assert!(matches!(call, Err(CdpError::Ended)));
        assert!(event.is_none());
        client.ended().cancelled().await;
    }
}
