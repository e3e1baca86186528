//! Rules as data: how a challenge and an unavailable offer are recognised. The built-in ones are `default.toml`; a user's
//! file adds to them and replaces them by name.

use serde::Deserialize;
use url::Url;

use crate::chain::Page;

const DEFAULT: &str = include_str!("default.toml");

/// Rules of one file: more than anyone writes, few enough to try on every page.
const MAX_RULES: usize = 1_000;

/// The rules of one resolver.
#[derive(Clone, Debug)]
pub struct Rules {
    challenge: Vec<Rule>,
    offer_unavailable: Vec<Rule>,
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

impl Default for Rules {
    fn default() -> Self {
        let none = Self { challenge: Vec::new(), offer_unavailable: Vec::new() };
        // The built-in file is read by a test: it cannot fail here.
        none.extended_by(DEFAULT).unwrap_or(Self { challenge: Vec::new(), offer_unavailable: Vec::new() })
    }
}

impl Rules {
    /// These rules with those of a user's TOML text: same names are replaced, others added.
    ///
    /// # Errors
    /// [`InvalidRules`], and these rules stay as they are.
    pub fn extended_by(&self, text: &str) -> Result<Self, InvalidRules> {
        let file: File = toml::from_str(text)?;
        let mut rules = self.clone();
        for (own, added) in [(&mut rules.challenge, file.challenge), (&mut rules.offer_unavailable, file.offer_unavailable)] {
            for mut rule in added {
                rule.prepare()?;
                own.retain(|known| known.name != rule.name);
                own.push(rule);
            }
            if own.len() > MAX_RULES {
                return Err(InvalidRules::TooMany);
            }
        }
        Ok(rules)
    }

    /// Name of the rule by which `page` is a challenge.
    #[must_use]
    pub fn challenge(&self, page: &Page, url: &Url) -> Option<&str> {
        first(&self.challenge, page, url)
    }

    /// Name of the rule by which `page` says that there is no offer.
    #[must_use]
    pub fn offer_unavailable(&self, page: &Page, url: &Url) -> Option<&str> {
        first(&self.offer_unavailable, page, url)
    }
}

fn first<'a>(rules: &'a [Rule], page: &Page, url: &Url) -> Option<&'a str> {
    let seen = Seen::of(page, url);
    rules.iter().find(|rule| rule.enabled && rule.holds(&seen)).map(|rule| rule.name.as_str())
}

/// A page in lower case, made once for all rules.
struct Seen {
    status: u16,
    headers: Vec<(String, String)>,
    title: String,
    text: String,
    markup: String,
    path: String,
    query: String,
}

impl Seen {
    fn of(page: &Page, url: &Url) -> Self {
        Self {
            status: page.status,
            headers: page.headers.iter().map(|(name, value)| (name.clone(), value.to_lowercase())).collect(),
            title: page.title.as_deref().unwrap_or_default().to_lowercase(),
            text: plain_quotes(&page.text.to_lowercase()),
            markup: page.markup.to_lowercase(),
            path: url.path().to_lowercase(),
            query: url.query().unwrap_or_default().to_lowercase(),
        }
    }
}

/// Pages write "isn’t" with a typographic apostrophe as often as not.
fn plain_quotes(text: &str) -> String {
    text.replace(['\u{2018}', '\u{2019}'], "'")
}

impl Rule {
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
        if conditions == 0 { Err(InvalidRules::NoCondition(self.name.clone())) } else { Ok(()) }
    }

    fn holds(&self, seen: &Seen) -> bool {
        let part_of = |list: &[String], whole: &str| list.is_empty() || list.iter().any(|part| whole.contains(part.as_str()));
        let header = |entry: &String| match entry.split_once(':') {
            Some((name, value)) => seen.headers.iter().any(|(own, text)| own == name.trim() && text.contains(value.trim())),
            None => seen.headers.iter().any(|(own, _)| own == entry.trim()),
        };
        (self.status.is_empty() || self.status.contains(&seen.status))
            && (self.header.is_empty() || self.header.iter().any(header))
            && part_of(&self.title, &seen.title)
            && part_of(&self.text, &seen.text)
            && part_of(&self.markup, &seen.markup)
            && (self.path.is_empty() || self.path.contains(&seen.path))
            && (self.path_start.is_empty() || self.path_start.iter().any(|start| seen.path.starts_with(start.as_str())))
            && part_of(&self.query, &seen.query)
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
        let rules = Rules { challenge: Vec::new(), offer_unavailable: Vec::new() }.extended_by(DEFAULT).unwrap();
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
            .extended_by("[[offer_unavailable]]\nname = 'ours'\ntext = ['Sold Out']\n[[offer_unavailable]]\nname = 'offer-over'\nenabled = false\nstatus = [200]")
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
