//! Two checks of one row side by side, and the first hop at which they went other ways.

use protocol::{Hop, JobResult};
use ui::{Markup, Tone, badge, card, html, notice, time, timeline};

use super::evidence::Check;

/// A check beside an earlier one of the same row.
pub(super) struct Comparison<'c> {
    later: (&'c Check, &'c JobResult),
    earlier: (&'c Check, &'c JobResult),
    difference: Difference,
}

impl<'c> Comparison<'c> {
    /// None: one of the two has no result.
    pub(super) fn of(later: &'c Check, earlier: &'c Check) -> Option<Self> {
        let (now, then) = (later.result.as_ref()?, earlier.result.as_ref()?);
        Some(Self { later: (later, now), earlier: (earlier, then), difference: first_difference(&then.hops, &now.hops) })
    }

    /// Where they part, in a sentence.
    pub(super) fn in_words(&self) -> Markup {
        told(&self.difference)
    }

    /// Both chains, the hop marked at which they part.
    pub(super) fn side_by_side(&self) -> Markup {
        let half = |name: &str, id: &str, (check, result): (&Check, &JobResult)| {
            let actions = html! { (badge::conclusion(result.conclusion)) (time::time(check.job.created_at)) };
            card::card(name, &actions, &timeline::marked(result, id, self.difference.hop()))
        };
        html! { div.side { (half("Earlier", "earlier", self.earlier)) (half("Later", "later", self.later)) } }
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

impl Difference {
    /// The first hop that is another, or that only one of them has.
    const fn hop(&self) -> Option<usize> {
        match self {
            Self::None => None,
            Self::At(hop, _) | Self::Longer(hop) => Some(*hop),
        }
    }
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

fn told(difference: &Difference) -> Markup {
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
