//! Letting a desktop work for an account: an operator who sees its code on the desktop's screen sees here who asks, and from
//! where, and says yes or no. The code works once.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::Role;
use domain::audit::Actor;
use protocol::AccountId;
use serde::Deserialize;
use store::Membership;
use ui::button::{Weight, link, submit};
use ui::field::{Field, input, radios};
use ui::{Icon, Markup, Tone, html};

use super::fault::Fault;
use super::form::Form;
use super::signed_in::Person;
use crate::operator::PendingLink;
use crate::problem::Refusal;
use crate::state::{RelayState, Shared};

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    code: String,
}

#[derive(Deserialize)]
pub(super) struct Decision {
    code: String,
    #[serde(default)]
    account: String,
}

/// `GET /link?code=`
pub(super) async fn page(State(state): State<Shared>, person: Person, Query(Asked { code }): Query<Asked>) -> Result<Response, Fault> {
    let accounts = accounts(&person)?;
    if code.is_empty() {
        return Ok(person.page(StatusCode::OK, "Link a desktop", ask_for_code("", None)));
    }
    state.sign_ins.try_code(person.operator().id)?;
    match state.links.find(&state, &code).await {
        Ok(found) => Ok(person.page(StatusCode::OK, "Link a desktop", question(&found.shown(state.now()), &accounts))),
        Err(Refusal::NotFound) => {
            let fault = "No desktop waits with this code. It may be mistyped, or have run out: the desktop then shows a new one.";
            Ok(person.page(StatusCode::NOT_FOUND, "Link a desktop", ask_for_code(&code, Some(fault))))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// `POST /link/approve`
pub(super) async fn approve(State(state): State<Shared>, person: Person, Form(decision): Form<Decision>) -> Result<Response, Fault> {
    decide(&state, &person, &decision, true).await
}

/// `POST /link/deny`
pub(super) async fn deny(State(state): State<Shared>, person: Person, Form(decision): Form<Decision>) -> Result<Response, Fault> {
    decide(&state, &person, &decision, false).await
}

async fn decide(state: &RelayState, person: &Person, decision: &Decision, approve: bool) -> Result<Response, Fault> {
    state.sign_ins.try_code(person.operator().id)?;
    let accounts = accounts(person)?;
    let account: AccountId = decision.account.parse().map_err(|_| Fault::BadForm("Choose an account.".to_owned()))?;
    let account = accounts.iter().find(|membership| membership.account == account).ok_or(Fault::NotFound)?;
    let by = Actor::Operator(person.operator().id.to_string());
    let store = person.store_of_member(account.account, Role::Operator);
    let decided = match state.links.find(state, &decision.code).await {
        Ok(found) => state.links.decide(&store, &found, (account.account, by, state.now()), approve).await.map(|()| found),
        Err(refusal) => Err(refusal),
    };
    match decided {
        Ok(found) => Ok(person.page(StatusCode::OK, "Link a desktop", said(&found.code.name, account, approve))),
        Err(Refusal::NotFound) => {
            let about = "It has run out, or somebody has decided about it otherwise. Nothing was changed.";
            let main =
                ui::card::alone(Icon::Warning, "This code works no more", about, &link(Weight::Plain, None, "Another code", "/link"));
            Ok(person.page(StatusCode::CONFLICT, "Link a desktop", main))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The accounts that the person may link desktops to.
fn accounts(person: &Person) -> Result<Vec<&Membership>, Fault> {
    let accounts: Vec<_> = person.record.memberships.iter().filter(|membership| membership.role >= Role::Operator).collect();
    if accounts.is_empty() { Err(Fault::NeedsRole(Role::Operator)) } else { Ok(accounts) }
}

fn ask_for_code(code: &str, error: Option<&str>) -> Markup {
    html! {
        (ui::header::page_header("Link a desktop", Some("The desktop shows a code of eight letters."), &Markup::default()))
        form method="get" action="/link" {
            (input("text", &Field { name: "code", label: "Code", value: code, error, required: true, autocomplete: Some("off"), max_length: Some(20), ..Field::default() }))
            (ui::field::actions(&submit(Weight::Main, None, "Look it up")))
        }
    }
}

fn question(asks: &PendingLink, accounts: &[&Membership]) -> Markup {
    html! {
        (ui::header::page_header("Link this desktop?", Some("It will resolve links for the account, and can make API keys for it."), &Markup::default()))
        (ui::code::large("code", &asks.user_code))
        (ui::card::terms(&[("Name", asks.name.as_str()), ("Platform", asks.platform.as_str()), ("Asks from", asks.address.as_str())]))
        (ui::notice::notice(Tone::Review, "Only if you see this very code on a desktop that you know", &html! {
            p { "Whoever sent you this link or code may want a desktop of theirs to get your account's links." }
        }))
        form method="post" action="/link/approve" {
            input type="hidden" name="code" value=(asks.user_code);
            (choose_account(accounts))
            (ui::field::actions(&html! {
                (submit(Weight::Main, None, "Link it"))
                button.button type="submit" formaction="/link/deny" { span { "Deny it" } }
            }))
        }
    }
}

fn choose_account(accounts: &[&Membership]) -> Markup {
    let ids: Vec<String> = accounts.iter().map(|membership| membership.account.to_string()).collect();
    let first = ids.first().map(String::as_str).unwrap_or_default();
    html! {
        @if accounts.len() == 1 {
            input type="hidden" name="account" value=(first);
            p { "For the account " strong { (accounts[0].account_name) } "." }
        } @else {
            // None is chosen for whoever has several: a desktop in the wrong account sees the wrong links.
            @let options: Vec<(&str, &str, &str)> = ids.iter().zip(accounts).map(|(id, membership)| (id.as_str(), membership.account_name.as_str(), "")).collect();
            (radios("account", "Account", &options, ""))
        }
    }
}

fn said(name: &str, account: &Membership, approve: bool) -> Markup {
    let (title, about) = if approve {
        (format!("{name} is linked"), format!("It works for {} from its next question on, in a few seconds.", account.account_name))
    } else {
        (format!("{name} is denied"), "It is told at its next question.".to_owned())
    };
    let on = link(Weight::Main, None, &format!("To {}", account.account_name), &format!("/console/{}", account.account));
    ui::card::alone(Icon::Devices, &title, &about, &on)
}
