//! Results in words and lines for a person. Links, titles and cookies are strangers' texts: a terminal must not obey them.

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;
use protocol::text::in_plain_characters;
use protocol::{Hop, HopKind, Job, JobResult};

use crate::output;

/// A chain as a tree: what was asked for, every hop, the verdict.
pub(crate) fn tree(tracking_url: &str, result: &JobResult) -> String {
    let mut text = in_plain_characters(tracking_url).bold().to_string();
    for (index, hop) in result.hops.iter().enumerate() {
        let branch = if index + 1 == result.hops.len() { "└─" } else { "├─" };
        let failed = result.failing_hop == Some(hop.index);
        let _ = write!(text, "\n{} {}", branch.dimmed(), hop_line(hop, failed));
    }
    let _ = write!(text, "\n   {}", verdict(result));
    text
}

/// The verdict in one line.
pub(crate) fn verdict(result: &JobResult) -> String {
    let mut text = format!("{}  {}", output::conclusion(result.conclusion), in_plain_characters(&result.detail));
    if let Some(title) = &result.title {
        let _ = write!(text, " {}", format!("“{}”", in_plain_characters(title)).dimmed());
    }
    text
}

fn hop_line(hop: &Hop, failed: bool) -> String {
    let status = match hop.status {
        Some(status) => status.to_string(),
        None => "  ✗".to_owned(),
    };
    let status = if failed { status.red().to_string() } else { status };
    let mut line = format!("{status} {}", in_plain_characters(&hop.url));
    let mut facts = Vec::new();
    facts.extend(by(hop.kind).map(str::to_owned));
    facts.extend(hop.remote_addr.clone());
    facts.extend(hop.http_version.clone());
    facts.extend(hop.tls_version.clone());
    facts.push(format!("{} ms", hop.elapsed_ms));
    if !hop.set_cookies.is_empty() {
        facts.push(format!("sets {}", in_plain_characters(&hop.set_cookies.join(", "))));
    }
    if hop.guard_exception {
        facts.push("allowed by exception".to_owned());
    }
    let _ = write!(line, "  {}", facts.join(" · ").dimmed());
    line
}

/// What led to a hop, unless it is the usual.
fn by(kind: HopKind) -> Option<&'static str> {
    match kind {
        HopKind::Start | HopKind::Http => None,
        HopKind::RefreshHeader => Some("by Refresh header"),
        HopKind::MetaRefresh => Some("by meta refresh"),
        HopKind::Javascript => Some("by script"),
        HopKind::Form => Some("by form"),
    }
}

/// A job with what is known of it.
pub(crate) fn job(job: &Job) -> String {
    let mut text = format!("{}  {}", job.job_id.bold(), job.state);
    if job.replayed {
        text.push_str("  (replayed)");
    }
    let _ = write!(text, "\n  row     {} / {} ({})", job.source, in_plain_characters(&job.row_id), job.environment);
    let _ = write!(text, "\n  made    {}, given up {}", job.created_at, job.expires_at);
    let _ = write!(text, "\n  status  {}", job.status_url);
    match &job.result {
        Some(result) => {
            let _ = write!(text, "\n{}", tree(&job.tracking_url, result));
        }
        None => {
            let _ = write!(text, "\n  link    {}", in_plain_characters(&job.tracking_url));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use protocol::{Conclusion, UnixMillis};

    use super::*;

    #[test]
    fn what_strangers_wrote_stays_text() {
        let result = JobResult {
            title: Some("\u{1b}]0;owned\u{7}".to_owned()),
            hops: vec![Hop {
                url: "https://a.example/\u{1b}[2J".to_owned(),
                set_cookies: vec!["a\u{1b}[31m".to_owned()],
                ..Hop::default()
            }],
            ..JobResult::not_executed("\u{202e}gone", UnixMillis(0))
        };
        let plain = anstream::adapter::strip_str(&tree("javascript:\u{1b}[8m\r", &result)).to_string();
        assert!(plain.lines().all(protocol::text::is_plain_text), "{plain:?}");
        let lines: Vec<_> = plain.lines().collect();
        assert!(lines[0] == "javascript:\u{fffd}[8m\u{fffd}" && lines[1].contains("https://a.example/\u{fffd}[2J"), "{lines:?}");
    }

    #[test]
    fn a_tree_shows_every_hop_what_led_there_and_the_verdict() {
        let hop = |index, url: &str, kind, status| Hop { index, url: url.to_owned(), kind, status, elapsed_ms: 3, ..Hop::default() };
        let result = JobResult {
            conclusion: Conclusion::ConnectFailed,
            failing_hop: Some(1),
            hops: vec![
                hop(0, "https://trk.example/a1", HopKind::Start, Some(200)),
                hop(1, "https://shop.example/", HopKind::MetaRefresh, None),
            ],
            ..JobResult::not_executed("connection refused", UnixMillis(0))
        };
        let plain = anstream::adapter::strip_str(&tree("https://trk.example/a1", &result)).to_string();
        assert_eq!(
            plain.lines().collect::<Vec<_>>(),
            [
                "https://trk.example/a1",
                "├─ 200 https://trk.example/a1  3 ms",
                "└─   ✗ https://shop.example/  by meta refresh · 3 ms",
                "   connect_failed  connection refused",
            ]
        );
    }
}
