//! Which conclusions count only when a second attempt says so too: a name, a host or a page that fails once may be back
//! a moment later, and a false "broken" costs more than a second click.

use std::time::Duration;

use protocol::Conclusion;
use tokio::time::Instant;

use crate::conclude::Verdict;

/// Whether a second attempt has to confirm this conclusion.
pub(crate) const fn needs_confirmation(conclusion: Conclusion) -> bool {
    matches!(conclusion, Conclusion::DnsFailed | Conclusion::ConnectFailed | Conclusion::TlsFailed | Conclusion::HttpGone)
}

/// Waits until `since` is as long ago as a second attempt has to be later.
pub(crate) async fn pause(since: Instant, confirm_after: Duration) {
    tokio::time::sleep_until(since + confirm_after).await;
}

/// The second attempt's verdict, with what it says about the first.
pub(crate) fn confirmed(first: Conclusion, mut second: Verdict) -> Verdict {
    if second.conclusion == first {
        second.detail.push_str("; a second attempt says the same");
    } else {
        second.detail.push_str(&format!("; the attempt before it said `{first}`"));
    }
    second
}
