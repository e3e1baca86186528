//! Joins what DevTools tells separately: `…ExtraInfo` events with their requests, in the order in which they came; and
//! what follows from all of it together.

use std::collections::HashMap;

use protocol::result::Hop;
use serde_json::Value;

use super::{ABORTED, Pending, Tracker};
use crate::browser::cdp::Fields as _;
use crate::browser::headers::{cookie_names, header};
use crate::browser::visit::Visit;

/// Requests whose extra information is kept before it is known whether they are of interest.
const MAX_EXTRA: usize = 256;

impl Tracker {
    pub(super) fn extra(kept: &mut HashMap<String, Vec<Value>>, pending: &Option<Pending>, visits: &[Visit], params: &Value) {
        let id = params.text("requestId");
        // Those of a page's other requests are of no interest. The first may come before its request: then nothing is
        // pending yet, or something older.
        let is_known = pending.as_ref().is_some_and(|pending| pending.request == id) || visits.last().is_some_and(|v| v.request == id);
        if !is_known && kept.len() >= MAX_EXTRA {
            // Those of the last page's parts, most of them: the next navigation needs the room.
            kept.retain(|id, _| visits.iter().any(|visit| visit.request == *id));
        }
        if is_known || kept.len() < MAX_EXTRA {
            kept.entry(id.to_owned()).or_default().push(params.clone());
        }
    }

    /// Joins what came separately: the Referer and cookies that were sent, the cookies that were set. Then the hops, with
    /// a last one for a URL that a script gave the document.
    pub(in crate::browser) fn complete(&mut self) {
        let mut turns: HashMap<String, usize> = HashMap::new();
        for visit in &mut self.visits {
            if !visit.has_extra {
                continue;
            }
            let turn = turns.entry(visit.request.clone()).or_default();
            let nth = |kept: &HashMap<String, Vec<Value>>| kept.get(&visit.request).and_then(|all| all.get(*turn)).cloned();
            match nth(&self.extra_sent) {
                Some(sent) => visit.hop.referrer = header(&sent["headers"], "referer"),
                None => visit.is_sent = visit.response.is_some(),
            }
            if let Some(received) = nth(&self.extra_received) {
                visit.hop.set_cookies = cookie_names(&received["headers"]);
                if visit.response.is_none() {
                    // A redirect that the browser does not follow has no other witness.
                    visit.hop.status = received.get("statusCode").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
                    visit.hop.location = header(&received["headers"], "location");
                }
            }
            *turn += 1;
        }
        // Wishes that were withdrawn before anything was sent: the page changed its mind.
        let last = self.visits.len().saturating_sub(1);
        let mut at = 0..;
        self.visits.retain(|visit| {
            let is_last = at.next() == Some(last);
            visit.is_sent || is_last || visit.error.as_deref().is_some_and(|error| error != ABORTED)
        });
        for (visit, index) in self.visits.iter_mut().zip(0..) {
            visit.hop.index = index;
        }
        let Some((url, kind)) = self.same_document.take().filter(|(url, _)| url.starts_with("http")) else { return };
        if self.visits.last().is_some_and(|last| last.hop.url != url) {
            let index = u32::try_from(self.visits.len()).unwrap_or(u32::MAX);
            self.visits.push(Visit {
                url: None,
                hop: Hop { index, url, method: "GET".to_owned(), kind, ..Hop::default() },
                response: None,
                error: None,
                request: String::new(),
                sent_at: 0.0,
                has_extra: false,
                is_explained: true,
                is_sent: true,
            });
        }
    }

    /// The Cookie field of the nth request of an id, as far as it is known.
    fn cookies_sent(&self, at: usize) -> Option<String> {
        let visit = self.visits.get(at)?;
        let before = self.visits[..at].iter().filter(|other| other.request == visit.request && other.has_extra).count();
        header(&self.extra_sent.get(&visit.request)?.get(before)?["headers"], "cookie")
    }

    /// How often the last answered request was made before with the same URL, method, cookies and kind, and where first.
    pub(in crate::browser) fn repeats(&self) -> Option<(usize, u32)> {
        let at = self.visits.iter().rposition(|visit| visit.response.is_some())?;
        let key = |at: usize| {
            let hop = &self.visits[at].hop;
            let url = hop.url.split('#').next().unwrap_or_default().to_owned();
            (url, hop.method.clone(), hop.kind, self.cookies_sent(at))
        };
        let own = key(at);
        let same: Vec<usize> = (0..at).filter(|&other| key(other) == own).collect();
        let first = *same.first()?;
        Some((same.len(), u32::try_from(first).unwrap_or(u32::MAX)))
    }
}
