//! Badges: a state in one word. An icon and a word always, so that nothing is told by colour alone.

use maud::{Markup, html};
use protocol::{CheckStatus, Class, Conclusion, JobState};

use crate::Icon;

/// What a colour means on every page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Neither good nor bad.
    #[default]
    Plain,
    /// As it should be.
    Ok,
    /// A person should look.
    Review,
    /// Broken.
    Bad,
    /// Nothing certain.
    Inconclusive,
    /// Left out on purpose.
    Skipped,
    /// At work.
    Working,
}

impl Tone {
    /// The class of the stylesheet.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Plain => "t-plain",
            Self::Ok => "t-ok",
            Self::Review => "t-review",
            Self::Bad => "t-bad",
            Self::Inconclusive => "t-inconclusive",
            Self::Skipped => "t-skipped",
            Self::Working => "t-working",
        }
    }

    /// The icon that says the same without colour.
    #[must_use]
    pub const fn icon(self) -> Icon {
        match self {
            Self::Plain => Icon::Info,
            Self::Ok => Icon::Check,
            Self::Review => Icon::Eye,
            Self::Bad => Icon::Cross,
            Self::Inconclusive => Icon::Question,
            Self::Skipped => Icon::Skip,
            Self::Working => Icon::Working,
        }
    }
}

impl From<Class> for Tone {
    fn from(class: Class) -> Self {
        match class {
            Class::Ok => Self::Ok,
            Class::Skipped => Self::Skipped,
            Class::Review => Self::Review,
            Class::Inconclusive => Self::Inconclusive,
            Class::Bad => Self::Bad,
        }
    }
}

/// A badge with the tone's own icon.
#[must_use]
pub fn badge(tone: Tone, word: &str) -> Markup {
    badge_with(tone, tone.icon(), word)
}

/// A badge with another icon.
#[must_use]
pub fn badge_with(tone: Tone, icon: Icon, word: &str) -> Markup {
    html! { span class={ "badge " (tone.class()) } { (icon) span { (word) } } }
}

/// What a conclusion means for spending money.
#[must_use]
pub fn class(class: Class) -> Markup {
    badge(class.into(), class.as_str())
}

/// One of the 24 conclusions, in words; the code on hover.
#[must_use]
pub fn conclusion(conclusion: Conclusion) -> Markup {
    let tone = Tone::from(conclusion.class());
    html! {
        span class={ "badge " (tone.class()) } title=(conclusion.code()) { (tone.icon()) span { (crate::conclusion::words(conclusion)) } }
    }
}

/// A conclusion, or that there is none yet.
#[must_use]
pub fn conclusion_or_pending(known: Option<Conclusion>) -> Markup {
    known.map_or_else(|| badge_with(Tone::Plain, Icon::Clock, "not checked yet"), conclusion)
}

/// Where a job's work is.
#[must_use]
pub fn job_state(state: JobState) -> Markup {
    match state {
        JobState::Queued => badge_with(Tone::Plain, Icon::Clock, "queued"),
        JobState::Leased => badge_with(Tone::Working, Icon::Working, "leased"),
        JobState::Concluded => badge_with(Tone::Ok, Icon::Check, "concluded"),
        JobState::Cancelled => badge_with(Tone::Skipped, Icon::Cross, "cancelled"),
    }
}

/// The status column of a sheet.
#[must_use]
pub fn check_status(status: CheckStatus) -> Markup {
    match status {
        CheckStatus::Pending => badge_with(Tone::Plain, Icon::Clock, "pending"),
        CheckStatus::Valid => badge(Tone::Ok, "valid"),
        CheckStatus::Failed => badge(Tone::Bad, "failed"),
        CheckStatus::Review => badge(Tone::Review, "review"),
        CheckStatus::Inconclusive => badge(Tone::Inconclusive, "inconclusive"),
        CheckStatus::Skipped => badge(Tone::Skipped, "skipped"),
    }
}

/// Whether a script may use a row now.
#[must_use]
pub fn readiness(ready: bool) -> Markup {
    if ready { badge_with(Tone::Ok, Icon::Check, "ready") } else { badge_with(Tone::Plain, Icon::Pause, "not ready") }
}

/// Whether something is there now: a desktop, a relay.
#[must_use]
pub fn presence(there: bool) -> Markup {
    if there { badge_with(Tone::Ok, Icon::Pulse, "online") } else { badge_with(Tone::Bad, Icon::Cross, "offline") }
}
