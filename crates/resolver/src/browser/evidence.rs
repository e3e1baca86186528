//! What a page did beside navigating: windows that it opened, dialogs, addresses that it asked for and was refused.

use protocol::result::{Beside, MAX_BESIDE};

use super::egress::Egress;

impl From<Seen> for Beside {
    fn from(seen: Seen) -> Self {
        Self { popups: seen.popups, dialogs: seen.dialogs, refused: seen.refused }
    }
}

/// What was seen beside the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Where popups were to go; they were closed.
    pub(super) popups: Vec<String>,
    pub(super) dialogs: u32,
    /// What the guard refused to any part of the page, and why.
    pub(super) refused: Vec<String>,
}

impl Seen {
    /// A popup is told once, however many events tell of it.
    pub(super) fn popup(&mut self, url: &str) {
        if !matches!(url, "" | "about:blank") && self.popups.len() < MAX_BESIDE && !self.popups.iter().any(|known| known == url) {
            self.popups.push(url.to_owned());
        }
    }

    pub(super) fn note_refusals(&mut self, egress: &Egress) {
        self.refused = egress.refused().iter().take(MAX_BESIDE).map(ToString::to_string).collect();
    }
}
