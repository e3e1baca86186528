//! Name and passphrase of somebody new, as set-up and invitation ask for them.

use domain::{EmailAddress, passphrase};
use protocol::Secret;
use protocol::text::is_plain_text;
use serde::Deserialize;
use ui::field::{Field, input};
use ui::{Markup, html};

/// Characters of a name.
const MAX_NAME: usize = 100;

/// What somebody new fills in.
#[derive(Default, Deserialize)]
pub(super) struct Newcomer {
    #[serde(default)]
    name: String,
    #[serde(default)]
    passphrase: String,
    #[serde(default)]
    repeated: String,
}

impl Newcomer {
    /// What is wrong: the field, and a sentence.
    pub(super) fn faults(&self, email: Option<&EmailAddress>) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        if !is_name(self.name.trim()) {
            faults.push(("name".to_owned(), format!("Use 1 to {MAX_NAME} characters for the name.")));
        }
        faults.extend(passphrase_fault(&self.passphrase, &self.repeated, email));
        faults
    }

    /// What people call them.
    pub(super) fn name(&self) -> String {
        self.name.trim().to_owned()
    }

    /// What they will sign in with.
    pub(super) fn passphrase(&self) -> Secret {
        Secret::new(self.passphrase.clone())
    }
}

/// What is wrong with a new passphrase, typed twice.
pub(super) fn passphrase_fault(passphrase: &str, repeated: &str, email: Option<&EmailAddress>) -> Option<(String, String)> {
    let weak = email.and_then(|email| passphrase::check(passphrase, email).err());
    match weak {
        Some(weak) => Some(("passphrase".to_owned(), format!("Passphrase: {weak}."))),
        None if passphrase != repeated => Some(("repeated".to_owned(), "The two passphrases differ.".to_owned())),
        None => None,
    }
}

/// Whether a text can be what people call somebody or something.
pub(super) fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.chars().count()) && is_plain_text(text)
}

/// The fields.
pub(super) fn fields<'f>(filled: &Newcomer, error: &impl Fn(&str) -> Option<&'f str>) -> Markup {
    html! {
        (input("text", &Field {
            name: "name", label: "Your name", value: &filled.name, error: error("name"), required: true,
            hint: Some("What the others in the account see."), autocomplete: Some("name"), max_length: Some(100),
        }))
        (passphrase_fields("Passphrase", error))
    }
}

/// A new passphrase, twice.
pub(super) fn passphrase_fields<'f>(label: &str, error: &impl Fn(&str) -> Option<&'f str>) -> Markup {
    html! {
        (input("password", &Field {
            name: "passphrase", label, error: error("passphrase"), required: true,
            hint: Some("At least 12 characters; four or five words do well."), autocomplete: Some("new-password"), max_length: Some(256),
            ..Field::default()
        }))
        (input("password", &Field {
            name: "repeated", label: "The same again", error: error("repeated"), required: true, autocomplete: Some("new-password"),
            max_length: Some(256), ..Field::default()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_as_it_is_written() {
        assert!(is_name("Zoë") && is_name("דנה") && is_name(&"x".repeat(MAX_NAME)));
        for name in ["", "a\u{202e}b", "a\u{2066}b", "a\nb", &"x".repeat(MAX_NAME + 1)] {
            assert!(!is_name(name), "{name:?}");
        }
    }
}
