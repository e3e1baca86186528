//! Two checks of one row side by side, and the first hop at which they went other ways.

use protocol::{Hop, JobResult};
use ui::{Markup, Tone, badge, card, html, notice, time, timeline};

use super::detail::Check;

/// The newest check beside an earlier one.
pub(super) fn side_by_side(newest: &Check, earlier: &Check) -> Markup {
    let (Some(now), Some(then)) = (&newest.result, &earlier.result) else { return html! {} };
    let half = |name: &str, check: &Check, result: &JobResult| {
        card::card(name, &html! { (badge::conclusion(result.conclusion)) (time::time(check.job.created_at)) }, &timeline::timeline(result))
    };
    html! {
        section id="compare" aria-label="Comparison" {
            div.stack {
                (told(first_difference(&then.hops, &now.hops)))
                div.side { (half("Earlier", earlier, then)) (half("Newest", newest, now)) }
            }
        }
    }
}

/// Where two chains part.
#[derive(Debug, PartialEq, Eq)]
enum Difference {
    /// They go the same way.
    None,
    /// At this hop, and in what.
    At(usize, &'static str),
    /// One goes on after this many hops.
    Longer(usize),
}

fn first_difference(then: &[Hop], now: &[Hop]) -> Difference {
    for (index, (then, now)) in then.iter().zip(now).enumerate() {
        let what = if without_query(&then.url) != without_query(&now.url) {
            "goes elsewhere"
        } else if then.kind != now.kind {
            "is led to in another way"
        } else if then.status != now.status {
            "answers with another status"
        } else {
            continue;
        };
        return Difference::At(index, what);
    }
    if then.len() == now.len() { Difference::None } else { Difference::Longer(then.len().min(now.len())) }
}

/// Queries carry click identifiers that are others each time.
fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

fn told(difference: Difference) -> Markup {
    match difference {
        Difference::None => notice::notice(
            Tone::Ok,
            "Both went the same way",
            &html! { "The same addresses, kinds of redirect and answers, apart from queries." },
        ),
        Difference::At(index, what) => {
            notice::notice(Tone::Review, &format!("They part at hop {}", index + 1), &html! { "Hop " (index + 1) " " (what) " now." })
        }
        Difference::Longer(common) => notice::notice(
            Tone::Review,
            &format!("They part behind hop {common}"),
            &html! { "One of the two goes on where the other ends." },
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(urls: &[&str]) -> Vec<Hop> {
        urls.iter().map(|url| Hop { url: (*url).to_owned(), status: Some(302), ..Hop::default() }).collect()
    }

    #[test]
    fn the_first_hop_that_differs_is_told() {
        let then = chain(&["https://a.example/c?id=1", "https://b.example/"]);
        assert_eq!(first_difference(&then, &chain(&["https://a.example/c?id=2", "https://b.example/"])), Difference::None);
        assert_eq!(first_difference(&then, &chain(&["https://a.example/c", "https://x.example/"])), Difference::At(1, "goes elsewhere"));
        assert_eq!(first_difference(&then, &chain(&["https://a.example/c"])), Difference::Longer(1));
        let mut other = then.clone();
        other[0].status = Some(404);
        assert_eq!(first_difference(&then, &other), Difference::At(0, "answers with another status"));
    }
}
