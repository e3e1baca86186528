//! What a page has under way on the network: whether it is quiet.

use std::collections::HashMap;

use tokio::time::Instant;

use super::cdp::{Event, Fields as _};

/// Requests under way that are watched; a page with more is not quiet anyway.
const MAX_IN_FLIGHT: usize = 4_096;

/// The requests under way of all of a job's sessions.
#[derive(Debug)]
pub(super) struct Traffic {
    /// Loaders by session and request.
    in_flight: HashMap<(String, String), String>,
    /// When the last request began or ended.
    pub(super) last: Instant,
}

impl Traffic {
    pub(super) fn new(now: Instant) -> Self {
        Self { in_flight: HashMap::new(), last: now }
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// A request began.
    pub(super) fn began(&mut self, event: &Event, now: Instant) {
        let params = &event.params;
        let url = params["request"].text("url");
        // Connections that stay open by design, and answers that never touch the network, say nothing about quiet.
        if matches!(params.text("type"), "EventSource" | "Ping" | "WebSocket" | "Prefetch" | "Media") || url.starts_with("data:") {
            return;
        }
        self.last = now;
        if self.in_flight.len() < MAX_IN_FLIGHT {
            let key = (event.session.clone(), params.text("requestId").to_owned());
            self.in_flight.insert(key, params.text("loaderId").to_owned());
        }
    }

    /// A request ended, well or not.
    pub(super) fn ended(&mut self, event: &Event, now: Instant) {
        self.came(&event.session, event.params.text("requestId"), now);
    }

    /// The answer to a request is here, all of it.
    pub(super) fn came(&mut self, session: &str, request: &str, now: Instant) {
        if self.in_flight.remove(&(session.to_owned(), request.to_owned())).is_some() {
            self.last = now;
        }
    }

    /// A child target is gone, and its requests with it.
    pub(super) fn forget_session(&mut self, session: &str) {
        self.in_flight.retain(|(own, _), _| own != session);
    }

    /// A document is gone. What it had asked for is given up without a word, now and then.
    pub(super) fn forget_loader(&mut self, loader: &str) {
        self.in_flight.retain(|_, own| own != loader);
    }
}
