//! Where one can go in the console, and who is there.

use store::Membership;
use ui::button::{Weight, post};
use ui::document::{Entry, Group};
use ui::{Icon, Markup, html};

use super::signed_in::Person;

/// Pages of an account: group, the rest of the path, name, icon. A page is added to the navigation here.
const PAGES: &[(Option<&str>, &str, &str, Icon)] = &[
    (None, "", "Overview", Icon::Overview),
    (None, "/rows", "Rows", Icon::Rows),
    (None, "/jobs", "Jobs", Icon::Jobs),
    (None, "/devices", "Devices", Icon::Devices),
    (None, "/keys", "API keys", Icon::Keys),
    (Some("Trust"), "/requests", "Requests", Icon::Requests),
    (Some("Trust"), "/audit", "Audit", Icon::Audit),
    (Some("Account"), "/people", "People", Icon::People),
    (Some("Account"), "/settings", "Settings", Icon::Settings),
    (Some("Account"), "/start", "First steps", Icon::Start),
];

/// An entry with its whole path.
pub(super) struct Place {
    group: Option<&'static str>,
    path: String,
    name: &'static str,
    icon: Icon,
}

/// The entries for the account whose pages lie below `root`.
pub(super) fn entries(root: &str) -> Vec<Place> {
    PAGES.iter().map(|(group, rest, name, icon)| Place { group: *group, path: format!("{root}{rest}"), name, icon: *icon }).collect()
}

/// In their groups, in order.
pub(super) fn groups(places: &[Place]) -> Vec<Group<'_>> {
    let chunks = places.chunk_by(|one, next| one.group == next.group);
    let group = |places: &'_ [Place]| places.first().and_then(|first| first.group);
    chunks
        .map(|places| Group {
            label: group(places),
            entries: places.iter().map(|place| Entry::new(&place.path, place.name, place.icon)).collect(),
        })
        .collect()
}

/// The account that a page is about, the way to the others, and who is signed in.
pub(super) fn account(person: &Person, membership: &Membership) -> Markup {
    let others = person.record.memberships.len() - 1;
    html! {
        p.account-name {
            strong { (membership.account_name) }
            @if others > 0 { " " a href="/accounts" { "Switch" } }
        }
        p.account-who { a href="/me" { (person.operator().name) } " · " (membership.role) }
        (post(Weight::Quiet, None, "Sign out", "/sign-out", &[], &Markup::default()))
    }
}

/// Who is signed in, on a page beside any account.
pub(super) fn person(person: &Person) -> Markup {
    html! {
        div.bare-who {
            p { a href="/me" { (person.operator().name) } " (" (person.operator().email) ")" " · " a href="/accounts" { "Accounts" } }
            (post(Weight::Quiet, None, "Sign out", "/sign-out", &[], &Markup::default()))
        }
    }
}
