//! Whether a script may spend money on a row now. Computed when read, so that it goes stale by itself.

use protocol::result::Engine;
use protocol::{Conclusion, Context, EngineChoice, JobResult, NotReadyReason, UnixMillis};

/// Milliseconds that a check stays fresh unless the account says otherwise: 24 h.
pub const DEFAULT_FRESHNESS_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// What a row's readiness depends on.
#[derive(Clone, Copy, Debug)]
pub struct RowFacts {
    /// The last conclusion.
    pub conclusion: Option<Conclusion>,
    /// When the chain was last followed to its end.
    pub last_checked: Option<UnixMillis>,
    /// Whether the row's inputs are those that were checked.
    pub unchanged: bool,
    /// Whether the context that was asked for was used.
    pub context_used: bool,
}

/// Every reason why a row is not ready; none: it is.
#[must_use]
pub fn not_ready_reasons(row: &RowFacts, now: UnixMillis, freshness_millis: i64) -> Vec<NotReadyReason> {
    let (Some(conclusion), Some(last_checked)) = (row.conclusion, row.last_checked) else {
        return vec![NotReadyReason::NeverChecked];
    };
    let fresh = now.0.saturating_sub(last_checked.0) <= freshness_millis;
    [
        (conclusion != Conclusion::Valid, NotReadyReason::NotValid),
        (!fresh, NotReadyReason::Stale),
        (!row.unchanged, NotReadyReason::ChangedSinceCheck),
        (!row.context_used, NotReadyReason::ContextNotUsed),
    ]
    .into_iter()
    .filter_map(|(fails, reason)| fails.then_some(reason))
    .collect()
}

/// Whether a result was made under the context that its job asked for: what a page shows to another browser, or from
/// another place, says nothing about the one that was meant.
#[must_use]
pub fn context_was_used(asked: &Context, result: &JobResult) -> bool {
    let observed = &result.observed;
    let proxy = asked.proxy.is_none() || asked.proxy == observed.proxy;
    let user_agent = asked.user_agent.is_none() || asked.user_agent == observed.user_agent;
    let engine = match asked.engine {
        None | Some(EngineChoice::Auto) => true,
        Some(EngineChoice::Http) => result.engine == Some(Engine::Http),
        Some(EngineChoice::Browser) => result.engine == Some(Engine::Browser),
    };
    proxy && user_agent && engine
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: RowFacts =
        RowFacts { conclusion: Some(Conclusion::Valid), last_checked: Some(UnixMillis(0)), unchanged: true, context_used: true };

    fn reasons(row: RowFacts, now: i64) -> Vec<NotReadyReason> {
        not_ready_reasons(&row, UnixMillis(now), 1_000)
    }

    #[test]
    fn a_result_from_another_proxy_is_not_what_was_asked_for() {
        let mut result = JobResult::not_executed("", UnixMillis(0));
        let asked = Context { proxy: Some("us-1".to_owned()), ..Context::default() };
        assert!(context_was_used(&Context::default(), &result));
        assert!(!context_was_used(&asked, &result));
        result.observed.proxy = Some("us-1".to_owned());
        assert!(context_was_used(&asked, &result));
        let browser = Context { engine: Some(EngineChoice::Browser), ..Context::default() };
        assert!(!context_was_used(&browser, &result));
    }

    #[test]
    fn each_reason_by_itself_and_all_together() {
        assert_eq!(reasons(GOOD, 1_000), []);
        assert_eq!(reasons(GOOD, 1_001), [NotReadyReason::Stale]);
        assert_eq!(reasons(RowFacts { conclusion: Some(Conclusion::Drifted), ..GOOD }, 0), [NotReadyReason::NotValid]);
        assert_eq!(reasons(RowFacts { unchanged: false, ..GOOD }, 0), [NotReadyReason::ChangedSinceCheck]);
        assert_eq!(reasons(RowFacts { context_used: false, ..GOOD }, 0), [NotReadyReason::ContextNotUsed]);
        assert_eq!(reasons(RowFacts { conclusion: None, ..GOOD }, 0), [NotReadyReason::NeverChecked]);
        let worst =
            RowFacts { conclusion: Some(Conclusion::HttpGone), last_checked: Some(UnixMillis(0)), unchanged: false, context_used: false };
        assert_eq!(reasons(worst, 9_999).len(), 4);
    }
}
