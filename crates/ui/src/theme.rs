//! Light, dark, or as the machine has it. The choice is a cookie that the service writes, so a page is right at its first
//! paint and without scripts.

use maud::{Markup, html};

use crate::Icon;

/// Name of the cookie that holds the choice.
pub const COOKIE: &str = "lp_theme";

/// A year, in seconds: a choice of looks may be forgotten, but not each week.
const COOKIE_SECONDS: u32 = 31_536_000;

/// Which colours a page has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the reader's machine has it.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// Every choice.
    pub const ALL: &'static [Self] = &[Self::System, Self::Light, Self::Dark];

    /// The word in the cookie and in the form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The choice of a form; anything else is the machine's.
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        Self::ALL.iter().copied().find(|theme| theme.as_str() == word).unwrap_or_default()
    }

    /// The choice in a `Cookie` header.
    #[must_use]
    pub fn of_cookies(header: &str) -> Self {
        let value = |pair: &'_ str| pair.trim().strip_prefix(COOKIE)?.strip_prefix('=').map(Self::of_word);
        header.split(';').find_map(value).unwrap_or_default()
    }

    /// The `Set-Cookie` that keeps the choice.
    #[must_use]
    pub fn set_cookie(self) -> String {
        format!("{COOKIE}={}; Path=/; Max-Age={COOKIE_SECONDS}; SameSite=Lax", self.as_str())
    }

    pub(crate) const fn attribute(self) -> Option<&'static str> {
        match self {
            Self::System => None,
            Self::Light | Self::Dark => Some(self.as_str()),
        }
    }

    pub(crate) const fn color_scheme(self) -> &'static str {
        match self {
            Self::System => "light dark",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A path of this service to lead back to; anything that leads elsewhere becomes the start.
#[must_use]
pub fn way_back(here: &str) -> &str {
    let ours = here.starts_with('/') && !here.starts_with("//") && !here.contains(['\\', '\r', '\n', '\t']);
    if ours { here } else { "/" }
}

pub(crate) fn choice(action: &str, chosen: Theme, here: &str, form_extras: &Markup) -> Markup {
    html! {
        form.theme method="post" action=(action) data-theme-choice aria-label="Colours" {
            (form_extras)
            input type="hidden" name="back" value=(way_back(here));
            @for theme in Theme::ALL {
                button type="submit" name="theme" value=(theme.as_str()) aria-pressed=(if *theme == chosen { "true" } else { "false" }) {
                    (icon(*theme))
                    span { (theme.as_str()) }
                }
            }
        }
    }
}

const fn icon(theme: Theme) -> Icon {
    match theme {
        Theme::System => Icon::Devices,
        Theme::Light => Icon::Sun,
        Theme::Dark => Icon::Moon,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_is_read_from_among_other_cookies() {
        assert_eq!(Theme::of_cookies("a=b; lp_theme=dark; c=d"), Theme::Dark);
        assert_eq!(Theme::of_cookies("lp_theme_old=dark; x=lp_theme=light"), Theme::System);
        assert_eq!(Theme::of_cookies("lp_theme=<script>"), Theme::System);
    }

    #[test]
    fn the_way_back_stays_in_the_house() {
        assert_eq!(way_back("/rows?class=bad"), "/rows?class=bad");
        for elsewhere in ["https://evil.example/", "//evil.example", "/\\evil.example", "", "javascript:alert(1)", "/\t/evil.example"] {
            assert_eq!(way_back(elsewhere), "/", "{elsewhere}");
        }
    }
}
