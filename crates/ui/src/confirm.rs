//! The question before something that cannot be undone: a page of its own, so it needs no script and has an address.

use maud::{Markup, html};

use crate::Icon;
use crate::button::{Weight, submit};

/// The question. `action` gets the post, `fields` go along, `cancel` is where "no" leads.
pub struct Question<'a> {
    /// `Revoke this device?`
    pub title: &'a str,
    /// What will happen, and what will not.
    pub consequences: Markup,
    /// What the button says: the deed, not "yes".
    pub deed: &'a str,
    /// Where the form is posted.
    pub action: &'a str,
    /// Where "no" leads.
    pub cancel: &'a str,
    /// What goes along.
    pub fields: &'a [(&'a str, &'a str)],
    /// Fields that the person fills in: a reason, a word to type.
    pub asks: Markup,
    /// Hidden fields that every form of the service carries.
    pub form_extras: Markup,
}

/// The page's content, when the deed takes something away.
#[must_use]
pub fn question(question: &Question<'_>) -> Markup {
    asked(question, &submit(Weight::Danger, Some(Icon::Warning), question.deed))
}

/// The page's content, when nothing is lost by the deed: it wants to be known, not warned of.
#[must_use]
pub fn choice(question: &Question<'_>) -> Markup {
    asked(question, &submit(Weight::Main, None, question.deed))
}

fn asked(question: &Question<'_>, deed: &Markup) -> Markup {
    html! {
        section.confirm {
            h1 { (question.title) }
            div.confirm-body { (question.consequences) }
            form method="post" action=(question.action) {
                (question.form_extras)
                @for (name, value) in question.fields { input type="hidden" name=(name) value=(value); }
                (question.asks)
                div.form-actions {
                    (deed)
                    a.button href=(question.cancel) { "Keep it as it is" }
                }
            }
        }
    }
}
