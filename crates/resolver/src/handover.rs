//! From the HTTP engine to the browser: whose evidence counts when both have had their try. Pure.

use crate::chain::{Chain, End};

/// The chain that counts, after the HTTP engine has handed over and the browser has started again at the tracking URL.
#[must_use]
pub fn settle(http: Chain, browser: Chain) -> Chain {
    let needs_browser = http.handover.as_ref().is_some_and(|handover| handover.reason.needs_browser());
    match browser.end {
        // No browser could be had: what the HTTP engine saw still counts, unless it saw nothing that tells the end.
        End::ContextUnavailable(_) if !needs_browser => http,
        End::ContextUnavailable(_)
        | End::Page(_)
        | End::NoContent
        | End::Download { .. }
        | End::Refused(_)
        | End::RefusedScheme { .. }
        | End::AppHandoff { .. }
        | End::NameUnresolved(_)
        | End::ConnectFailed(_)
        | End::TlsFailed(_)
        | End::TimedOut(_)
        | End::Loop { .. }
        | End::TooManyHops { .. }
        | End::RedirectInvalid(_) => Chain { handover: http.handover, ..browser },
    }
}

#[cfg(test)]
mod tests {
    use protocol::result::Engine;

    use super::*;
    use crate::chain::{Handover, HandoverReason};

    fn http(reason: HandoverReason) -> Chain {
        let handover = Some(Handover { reason, detail: "x".to_owned() });
        Chain { handover, ..Chain::without_hops(Engine::Http, End::NoContent) }
    }

    fn settled(reason: HandoverReason, end: End) -> (Engine, bool) {
        let settled = settle(http(reason), Chain::without_hops(Engine::Browser, end));
        (settled.engine, settled.handover.is_some())
    }

    #[test]
    fn the_browser_counts_unless_there_is_none_and_http_saw_the_end() {
        assert_eq!(settled(HandoverReason::HttpStatus, End::NoContent), (Engine::Browser, true));
        assert_eq!(settled(HandoverReason::HttpStatus, End::ContextUnavailable("no browser".into())), (Engine::Http, true));
        assert_eq!(settled(HandoverReason::Script, End::ContextUnavailable("no browser".into())), (Engine::Browser, true));
    }
}
