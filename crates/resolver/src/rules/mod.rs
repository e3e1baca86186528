//! Rules as data: how a challenge and an unavailable offer are recognised. The built-in ones are `default.toml`; a user's
//! file adds to them and replaces them by name.

mod patterns;

use protocol::Conclusion;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::chain::Page;
use patterns::{Collector, Matches, PatternId, Patterns};

/// Rules of one file: more than anyone writes, few enough to try on every page.
const MAX_RULES: usize = 1_000;

/// The rules of one resolver.
#[derive(Clone, Debug)]
pub struct Rules {
    challenge: Vec<Rule>,
    offer_unavailable: Vec<Rule>,
    ready: Ready,
}

/// A rule, for people who look at what there is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownRule<'r> {
    /// Its name, which a result tells that follows from it.
    pub name: &'r str,
    /// What a page is concluded to be for which it holds.
    pub conclusion: Conclusion,
    /// Whether it is tried.
    pub enabled: bool,
    /// What it has conditions on, by the names that a file has for them.
    pub looks_at: Vec<&'static str>,
}

/// A file of rules that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRules {
    /// No TOML of that shape.
    #[error("not a file of rules: {0}")]
    Malformed(#[from] toml::de::Error),
    /// A rule that would hold for every page.
    #[error("the rule `{0}` has no condition: it would hold for every page")]
    NoCondition(String),
    /// Too many.
    #[error("more than {MAX_RULES} rules")]
    TooMany,
    /// More text than can be looked for at once.
    #[error("the rules have too much text: {0}")]
    TooMuchText(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    challenge: Vec<Rule>,
    #[serde(default)]
    offer_unavailable: Vec<Rule>,
}

/// Conditions that must hold together; of each list one entry is enough.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    name: String,
    #[serde(default = "enabled")]
    enabled: bool,
    #[serde(default)]
    status: Vec<u16>,
    #[serde(default)]
    header: Vec<String>,
    #[serde(default)]
    title: Vec<String>,
    #[serde(default)]
    text: Vec<String>,
    #[serde(default)]
    markup: Vec<String>,
    #[serde(default)]
    path: Vec<String>,
    #[serde(default)]
    path_start: Vec<String>,
    #[serde(default)]
    query: Vec<String>,
}

const fn enabled() -> bool {
    true
}

/// The rules as they are tried: what is looked for in a page's texts is looked for once, for all of them.
#[derive(Clone, Debug)]
struct Ready {
    title: Patterns,
    text: Patterns,
    markup: Patterns,
    challenge: Vec<ReadyRule>,
    offer_unavailable: Vec<ReadyRule>,
}

#[derive(Clone, Debug)]
struct ReadyRule {
    rule: Rule,
    title: Vec<PatternId>,
    text: Vec<PatternId>,
    markup: Vec<PatternId>,
}

impl Default for Rules {
    #[allow(clippy::expect_used, reason = "the built-in file is read by a test")]
    fn default() -> Self {
        Self::none().and_then(|none| none.extended_by(Self::DEFAULT_TOML)).expect("the built-in rules are valid")
    }
}

impl Rules {
    /// The built-in rules, with what each member means.
    pub const DEFAULT_TOML: &str = include_str!("default.toml");

    fn none() -> Result<Self, InvalidRules> {
        Ok(Self { challenge: Vec::new(), offer_unavailable: Vec::new(), ready: Ready::of(&[], &[])? })
    }

    /// These rules with those of a user's TOML text: same names are replaced, others added.
    ///
    /// # Errors
    /// [`InvalidRules`], and these rules stay as they are.
    pub fn extended_by(&self, text: &str) -> Result<Self, InvalidRules> {
        let file: File = toml::from_str(text)?;
        let (mut challenge, mut offer_unavailable) = (self.challenge.clone(), self.offer_unavailable.clone());
        for (own, added) in [(&mut challenge, file.challenge), (&mut offer_unavailable, file.offer_unavailable)] {
            for mut rule in added {
                rule.prepare()?;
                own.retain(|known| known.name != rule.name);
                own.push(rule);
            }
            if own.len() > MAX_RULES {
                return Err(InvalidRules::TooMany);
            }
        }
        let ready = Ready::of(&challenge, &offer_unavailable)?;
        Ok(Self { challenge, offer_unavailable, ready })
    }

    /// Every rule, in the order in which they are tried: challenges first.
    pub fn iter(&self) -> impl Iterator<Item = KnownRule<'_>> {
        let challenges = self.challenge.iter().map(|rule| rule.known(Conclusion::AccessChallenged));
        challenges.chain(self.offer_unavailable.iter().map(|rule| rule.known(Conclusion::OfferUnavailable)))
    }

    /// Name of the rule by which `page` is a challenge.
    #[must_use]
    pub fn challenge(&self, page: &Page, url: &Url) -> Option<&str> {
        self.look(page, url).challenge()
    }

    /// Name of the rule by which `page` says that there is no offer.
    #[must_use]
    pub fn offer_unavailable(&self, page: &Page, url: &Url) -> Option<&str> {
        self.look(page, url).offer_unavailable()
    }

    /// Looks for all patterns at once, for whoever asks more than one thing of a page.
    pub(crate) fn look<'p>(&self, page: &'p Page, url: &Url) -> Look<'_, 'p> {
        let ready = &self.ready;
        let seen = Seen {
            page,
            title: ready.title.in_text(page.title.as_deref().unwrap_or_default()),
            text: ready.text.in_text(&page.text),
            markup: ready.markup.in_text(&page.markup),
            path: url.path().to_lowercase(),
            query: url.query().unwrap_or_default().to_lowercase(),
        };
        Look { ready, seen }
    }
}

impl Ready {
    fn of(challenge: &[Rule], offer_unavailable: &[Rule]) -> Result<Self, InvalidRules> {
        let (mut title, mut text, mut markup) = (Collector::default(), Collector::default(), Collector::default());
        let mut ready = |rules: &[Rule]| -> Vec<ReadyRule> {
            let enabled = rules.iter().filter(|rule| rule.enabled);
            enabled
                .map(|rule| ReadyRule {
                    title: title.add(&rule.title),
                    text: text.add(&rule.text),
                    markup: markup.add(&rule.markup),
                    rule: rule.clone(),
                })
                .collect()
        };
        let (challenge, offer_unavailable) = (ready(challenge), ready(offer_unavailable));
        let finish = |collector: Collector| collector.finish().map_err(|error| InvalidRules::TooMuchText(error.to_string()));
        Ok(Self { title: finish(title)?, text: finish(text)?, markup: finish(markup)?, challenge, offer_unavailable })
    }
}

/// A page with what the rules' patterns have found in it.
pub(crate) struct Look<'r, 'p> {
    ready: &'r Ready,
    seen: Seen<'p>,
}

impl<'r> Look<'r, '_> {
    /// As [`Rules::challenge`].
    pub(crate) fn challenge(&self) -> Option<&'r str> {
        self.first(&self.ready.challenge)
    }

    /// As [`Rules::offer_unavailable`].
    pub(crate) fn offer_unavailable(&self) -> Option<&'r str> {
        self.first(&self.ready.offer_unavailable)
    }

    fn first(&self, rules: &'r [ReadyRule]) -> Option<&'r str> {
        rules.iter().find(|ready| ready.holds(&self.seen)).map(|ready| ready.rule.name.as_str())
    }
}

/// What the rules look at, made once for all of them.
struct Seen<'a> {
    page: &'a Page,
    title: Matches,
    text: Matches,
    markup: Matches,
    path: String,
    query: String,
}

impl Rule {
    fn known(&self, conclusion: Conclusion) -> KnownRule<'_> {
        let Self { name, enabled, status, header, title, text, markup, path, path_start, query } = self;
        let conditions = [
            ("status", status.is_empty()),
            ("header", header.is_empty()),
            ("title", title.is_empty()),
            ("text", text.is_empty()),
            ("markup", markup.is_empty()),
            ("path", path.is_empty()),
            ("path_start", path_start.is_empty()),
            ("query", query.is_empty()),
        ];
        let looks_at = conditions.into_iter().filter(|(_, is_empty)| !is_empty).map(|(name, _)| name).collect();
        KnownRule { name, conclusion, enabled: *enabled, looks_at }
    }

    /// Lower case once instead of at each page, and refuses what would hold everywhere.
    fn prepare(&mut self) -> Result<(), InvalidRules> {
        let lists =
            [&mut self.header, &mut self.title, &mut self.text, &mut self.markup, &mut self.path, &mut self.path_start, &mut self.query];
        let mut conditions = usize::from(!self.status.is_empty());
        for list in lists {
            list.retain(|entry| !entry.trim().is_empty());
            list.iter_mut().for_each(|entry| *entry = entry.to_lowercase());
            conditions += usize::from(!list.is_empty());
        }
        if conditions == 0 && self.enabled { Err(InvalidRules::NoCondition(self.name.clone())) } else { Ok(()) }
    }
}

impl ReadyRule {
    fn holds(&self, seen: &Seen<'_>) -> bool {
        let rule = &self.rule;
        let headers = &seen.page.headers;
        let header = |entry: &String| match entry.split_once(':') {
            Some((name, value)) => headers.iter().any(|(own, text)| own == name.trim() && text.to_lowercase().contains(value.trim())),
            None => headers.iter().any(|(own, _)| own == entry.trim()),
        };
        (rule.status.is_empty() || rule.status.contains(&seen.page.status))
            && (rule.header.is_empty() || rule.header.iter().any(header))
            && seen.title.satisfy(&self.title)
            && seen.text.satisfy(&self.text)
            && seen.markup.satisfy(&self.markup)
            && (rule.path.is_empty() || rule.path.contains(&seen.path))
            && (rule.path_start.is_empty() || rule.path_start.iter().any(|start| seen.path.starts_with(start.as_str())))
            && (rule.query.is_empty() || rule.query.iter().any(|part| seen.query.contains(part.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(title: &str, text: &str) -> Page {
        Page { status: 200, title: Some(title.to_owned()), text: text.to_owned(), ..Page::default() }
    }

    fn url() -> Url {
        Url::parse("https://shop.example/offer").unwrap()
    }

    #[test]
    fn the_built_in_rules_are_read() {
        let rules = Rules::none().unwrap().extended_by(Rules::DEFAULT_TOML).unwrap();
        assert_eq!(rules.challenge.len(), 11);
        assert_eq!(Rules::default().offer_unavailable.len(), 7);
    }

    #[test]
    fn pages_are_recognised_and_ordinary_ones_are_not() {
        let rules = Rules::default();
        let challenge = Page { headers: vec![("cf-mitigated".into(), "challenge".into())], ..page("Just a moment...", "") };
        assert_eq!(rules.challenge(&challenge, &url()), Some("cloudflare"));
        assert_eq!(rules.challenge(&page("Shop", "Buy shoes"), &url()), None);
        assert_eq!(rules.offer_unavailable(&page("x", "This offer isn’t available in your country"), &url()), Some("wrong-country"));
        assert_eq!(rules.offer_unavailable(&page("Shop", "Buy shoes"), &url()), None);
    }

    #[test]
    fn a_users_file_adds_replaces_and_turns_off() {
        let rules = Rules::default()
            .extended_by(
                "[[offer_unavailable]]\nname = 'ours'\ntext = ['Sold Out']\n[[offer_unavailable]]\nname = 'offer-over'\nenabled = false",
            )
            .unwrap();
        assert_eq!(rules.offer_unavailable(&page("x", "sold out!"), &url()), Some("ours"));
        assert_eq!(rules.offer_unavailable(&page("x", "this offer has expired"), &url()), None);
    }

    #[test]
    fn a_rule_without_condition_is_refused() {
        assert!(
            matches!(Rules::default().extended_by("[[challenge]]\nname = 'all'\ntext = ['']"), Err(InvalidRules::NoCondition(name)) if name == "all")
        );
        assert!(Rules::default().extended_by("[[challenge]]\nname = 'x'\ntexts = ['y']").is_err());
    }
}
