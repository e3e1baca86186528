//! The accounts of whoever is signed in: one to choose, with forty of them too.

use axum::http::StatusCode;
use axum::response::Response;
use ui::{Icon, Markup, html};

use super::signed_in::Person;

/// `GET /accounts`
pub(super) async fn page(person: Person) -> Response {
    let accounts = &person.record.memberships;
    let main = html! {
        (ui::header::page_header("Accounts", Some("Choose where to go."), &Markup::default()))
        @if accounts.is_empty() {
            (ui::card::empty(Icon::People, "You belong to no account", "An owner of an account can invite you to it.", &Markup::default()))
        } @else {
            ul.choices {
                @for account in accounts {
                    li { a href={ "/console/" (account.account) } { (account.account_name) } " " span.faint { (account.role) } }
                }
            }
        }
    };
    person.page(StatusCode::OK, "Accounts", main)
}
