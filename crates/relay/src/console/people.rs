//! The people of an account: members with their roles, and invitations. Every member sees them; owners decide.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::role::MemberChange;
use domain::{EmailAddress, Role};
use protocol::{AccountId, InvitationId, OperatorId, Secret};
use serde::Deserialize;
use store::{InvitationRecord, Invited, Member, MemberChanged, NewInvitation, Store, StoreError};
use ui::button::{Weight, link, post, submit};
use ui::field::{Field, input, radios};
use ui::table::{Column, Keep, td};
use ui::{Icon, Markup, Tone, html};

use super::cookie;
use super::fault::Fault;
use super::form::Form;
use super::signed_in::{AtLeast, Owner, SignedIn};
use crate::path::PathParts;
use crate::state::{RelayState, Shared};

/// Seconds that an invitation stays open: a week, holidays of a few days included.
const INVITATION_SECONDS: i64 = 7 * 86_400;
/// The page's place in the navigation.
const PEOPLE: &str = "/people";

#[derive(Default, Deserialize)]
pub(super) struct Invitee {
    email: String,
    role: String,
}

#[derive(Deserialize)]
pub(super) struct NewRole {
    role: String,
}

/// The variable parts of a path about a member.
#[derive(Deserialize)]
pub(super) struct MemberPath {
    operator: String,
}

/// The variable parts of a path about an invitation.
#[derive(Deserialize)]
pub(super) struct InvitationPath {
    invitation: String,
}

/// What a page about people says first.
enum Said {
    Nothing,
    /// The link to pass on, and to whom.
    Invited(Secret, EmailAddress),
    Faults(Invitee, Vec<(String, String)>),
}

/// `GET /console/{account}/people`
pub(super) async fn page(State(state): State<Shared>, signed_in: SignedIn) -> Result<Response, Fault> {
    show(&state, &signed_in, StatusCode::OK, Said::Nothing).await
}

/// `POST /console/{account}/people/invite`
pub(super) async fn invite(
    State(state): State<Shared>,
    signed_in: SignedIn<Owner>,
    Form(invitee): Form<Invitee>,
) -> Result<Response, Fault> {
    let fault = |field: &str, fault: String| vec![(field.to_owned(), fault)];
    let wanted = invitee.email.parse::<EmailAddress>().map_err(|error| fault("email", format!("Email address: {error}.")));
    let wanted = wanted.and_then(|email| {
        let role = invitee.role.parse::<Role>().map_err(|error| fault("role", format!("Role: {error}.")))?;
        Ok((email, role))
    });
    let (email, role) = match wanted {
        Ok(wanted) => wanted,
        Err(faults) => return show(&state, &signed_in, StatusCode::UNPROCESSABLE_ENTITY, Said::Faults(invitee, faults)).await,
    };
    let (invited, path) =
        offer_place(&signed_in.store, (signed_in.account(), Some(signed_in.operator().id)), &email, role, state.now()).await?;
    let fault = match invited {
        Invited::Done => {
            tracing::info!(account.id = %signed_in.account(), operator.id = %signed_in.operator().id, %role, "somebody was invited");
            let url = Secret::new(format!("{}{}", signed_in.person.here.origin, path.expose()));
            return show(&state, &signed_in, StatusCode::OK, Said::Invited(url, email)).await;
        }
        Invited::AlreadyMember => fault("email", format!("{email} belongs to the account already; change the role below.")),
        Invited::TooMany => fault("email", "As many invitations as may be are open. Withdraw some first.".to_owned()),
    };
    show(&state, &signed_in, StatusCode::UNPROCESSABLE_ENTITY, Said::Faults(invitee, fault)).await
}

/// Offers a place in an account, and returns the path of the invitation with its token.
pub(crate) async fn offer_place(
    store: &Store,
    (account, invited_by): (AccountId, Option<OperatorId>),
    email: &EmailAddress,
    role: Role,
    now: protocol::UnixMillis,
) -> Result<(Invited, Secret), StoreError> {
    let token = cookie::new_token();
    let path = Secret::new(format!("/invitation?token={}", token.expose()));
    let (id, expires_at) = (InvitationId::random(now), now.plus_seconds(INVITATION_SECONDS));
    let new = NewInvitation { account, id, email: email.clone(), role, token, invited_by, now, expires_at };
    Ok((store.invite(new).await?, path))
}

/// `POST /console/{account}/people/invitations/{invitation}/withdraw`
pub(super) async fn withdraw(
    State(state): State<Shared>,
    signed_in: SignedIn<Owner>,
    PathParts(path): PathParts<InvitationPath>,
) -> Result<Response, Fault> {
    let invitation: InvitationId = path.invitation.parse().map_err(|_| Fault::NotFound)?;
    let withdrawn = signed_in.store.withdraw_invitation(signed_in.account(), invitation, signed_in.actor(), state.now()).await?;
    if withdrawn { Ok(signed_in.go(PEOPLE)) } else { Err(Fault::NotFound) }
}

/// `GET /console/{account}/people/{operator}`: what an owner can do about a member.
pub(super) async fn member(
    State(state): State<Shared>,
    signed_in: SignedIn<Owner>,
    PathParts(path): PathParts<MemberPath>,
) -> Result<Response, Fault> {
    let operator: OperatorId = path.operator.parse().map_err(|_| Fault::NotFound)?;
    let members = state.store.members(signed_in.account()).await?;
    let member = members.iter().find(|member| member.operator.id == operator).ok_or(Fault::NotFound)?;
    Ok(signed_in.page(&member.operator.name, PEOPLE, about(&signed_in, member, None)))
}

/// `POST /console/{account}/people/{operator}/role`
pub(super) async fn set_role(
    State(state): State<Shared>,
    signed_in: SignedIn<Owner>,
    PathParts(path): PathParts<MemberPath>,
    Form(NewRole { role }): Form<NewRole>,
) -> Result<Response, Fault> {
    let role: Role = role.parse().map_err(|error| Fault::BadForm(format!("Role: {error}.")))?;
    change(&state, &signed_in, &path, MemberChange::Role(role)).await
}

/// `POST /console/{account}/people/{operator}/remove`
pub(super) async fn remove(
    State(state): State<Shared>,
    signed_in: SignedIn<Owner>,
    PathParts(path): PathParts<MemberPath>,
) -> Result<Response, Fault> {
    change(&state, &signed_in, &path, MemberChange::Removal).await
}

async fn change(state: &RelayState, signed_in: &SignedIn<Owner>, path: &MemberPath, change: MemberChange) -> Result<Response, Fault> {
    let operator: OperatorId = path.operator.parse().map_err(|_| Fault::NotFound)?;
    match signed_in.store.change_member(signed_in.account(), operator, change, signed_in.actor(), state.now()).await? {
        MemberChanged::Done => {
            tracing::info!(account.id = %signed_in.account(), operator.id = %operator, by = %signed_in.operator().id, ?change, "a member was changed");
            // Whoever has taken themselves out is no longer there to see it.
            let is_gone = operator == signed_in.operator().id && change == MemberChange::Removal;
            let path = if is_gone { "/accounts".to_owned() } else { signed_in.path(PEOPLE) };
            Ok(axum::response::IntoResponse::into_response(ui::response::see_other(&path)))
        }
        MemberChanged::Unknown => Err(Fault::NotFound),
        MemberChanged::LastOwner => {
            let members = state.store.members(signed_in.account()).await?;
            let member = members.iter().find(|member| member.operator.id == operator).ok_or(Fault::NotFound)?;
            let notice = ui::notice::notice(Tone::Bad, "The last owner stays", &html! { p { "Make somebody else an owner first." } });
            Ok(signed_in.page_with(StatusCode::CONFLICT, &member.operator.name, PEOPLE, about(signed_in, member, Some(notice))))
        }
    }
}

async fn show<R: AtLeast>(state: &RelayState, signed_in: &SignedIn<R>, status: StatusCode, said: Said) -> Result<Response, Fault> {
    let members = state.store.members(signed_in.account()).await?;
    let invitations = state.store.invitations(signed_in.account(), state.now()).await?;
    let decides = signed_in.may(Role::Owner);
    let main = html! {
        (ui::header::page_header("People", Some("Who may sign in to this account, and what they may do."), &Markup::default()))
        @match &said {
            Said::Nothing => {}
            Said::Invited(url, email) => (invited(url, email)),
            Said::Faults(_, faults) => (ui::notice::errors(faults)),
        }
        (ui::card::flush_card("Members", &Markup::default(), &member_table(signed_in, &members, decides)))
        @if !invitations.is_empty() {
            (ui::card::flush_card("Open invitations", &Markup::default(), &invitation_table(signed_in, &invitations, decides)))
        }
        @if decides { (ui::card::card("Invite somebody", &Markup::default(), &invite_form(signed_in, &said))) }
    };
    Ok(signed_in.page_with(status, "People", PEOPLE, main))
}

fn invited(url: &Secret, email: &EmailAddress) -> Markup {
    let body = html! {
        p { "Pass this link on; it is shown once, works once, and for a week. Nothing was sent." }
        (ui::code::line("invitation", url.expose()))
    };
    ui::notice::notice(Tone::Ok, &format!("{email} is invited"), &body)
}

fn member_table<R: AtLeast>(signed_in: &SignedIn<R>, members: &[Member], decides: bool) -> Markup {
    let columns = [
        Column::new("Name"),
        Column::new("Role"),
        Column::new("Signs in with").keep(Keep::Medium),
        Column::new("Since").keep(Keep::Medium),
    ];
    let rows = html! {
        @for member in members {
            tr {
                (td(Keep::default(), &html! {
                    @if decides { a href=(signed_in.path(&format!("/people/{}", member.operator.id))) { (member.operator.name) } }
                    @else { (member.operator.name) }
                    @if member.operator.id == signed_in.operator().id { " " span.faint { "you" } }
                    span.cell-sub.prose { (member.operator.email) }
                }))
                (td(Keep::default(), &html! { (member.role) }))
                (td(Keep::Medium, &html! { (ways_in(member)) }))
                (td(Keep::Medium, &ui::time::time(member.since)))
            }
        }
    };
    ui::table::table("Members", &columns, &rows)
}

fn ways_in(member: &Member) -> &'static str {
    match (member.has_passphrase, member.has_identity) {
        (true, true) => "passphrase, provider",
        (true, false) => "passphrase",
        (false, true) => "provider",
        (false, false) => "nothing yet",
    }
}

fn invitation_table<R: AtLeast>(signed_in: &SignedIn<R>, invitations: &[InvitationRecord], decides: bool) -> Markup {
    let columns = [
        Column::new("Email address"),
        Column::new("Role"),
        Column::new("By").keep(Keep::Medium),
        Column::new("Until").keep(Keep::Medium),
        Column::new(""),
    ];
    let rows = html! {
        @for invitation in invitations {
            tr {
                td.prose { (invitation.email) }
                (td(Keep::default(), &html! { (invitation.role) }))
                (td(Keep::Medium, &html! { (invitation.invited_by.as_deref().unwrap_or("the relay's machine")) }))
                (td(Keep::Medium, &ui::time::time(invitation.expires_at)))
                (td(Keep::default(), &html! {
                    @if decides {
                        (post(Weight::Quiet, None, "Withdraw", &signed_in.path(&format!("/people/invitations/{}/withdraw", invitation.id)), &[], &Markup::default()))
                    }
                }))
            }
        }
    };
    ui::table::table("Open invitations", &columns, &rows)
}

fn invite_form<R: AtLeast>(signed_in: &SignedIn<R>, said: &Said) -> Markup {
    let (email, role, error) = match said {
        Said::Faults(invitee, faults) => {
            let error = faults.iter().find(|(field, _)| field == "email").map(|(_, fault)| fault.as_str());
            (invitee.email.as_str(), invitee.role.as_str(), error)
        }
        Said::Nothing | Said::Invited(..) => ("", Role::Operator.name(), None),
    };
    html! {
        form method="post" action=(signed_in.path("/people/invite")) {
            (input("email", &Field { name: "email", label: "Email address", value: email, error, required: true, autocomplete: Some("off"), max_length: Some(254), ..Field::default() }))
            (role_choice(role))
            (ui::field::actions(&submit(Weight::Main, None, "Make an invitation")))
        }
    }
}

fn role_choice(chosen: &str) -> Markup {
    let options: Vec<(&str, &str, &str)> = Role::ALL.iter().map(|role| (role.name(), role.name(), role.meaning())).collect();
    radios("role", "Role", &options, chosen)
}

fn about(signed_in: &SignedIn<Owner>, member: &Member, notice: Option<Markup>) -> Markup {
    let path = |deed: &str| signed_in.path(&format!("/people/{}/{deed}", member.operator.id));
    html! {
        (ui::header::crumbs(&[(&signed_in.path(PEOPLE), "People")]))
        (ui::header::page_header(&member.operator.name, None, &Markup::default()))
        @if let Some(notice) = notice { (notice) }
        (ui::card::terms(&[("Email address", member.operator.email.as_str()), ("Signs in with", ways_in(member))]))
        (ui::card::card("Role", &Markup::default(), &html! {
            form method="post" action=(path("role")) {
                (role_choice(member.role.name()))
                (ui::field::actions(&submit(Weight::Main, None, "Change the role")))
            }
        }))
        (ui::card::card("Remove from the account", &Markup::default(), &html! {
            p { "They see nothing of this account from that moment on. Their other accounts, and what they did here, stay." }
            form method="post" action=(path("remove")) {
                (ui::field::actions(&html! {
                    (submit(Weight::Danger, Some(Icon::Warning), "Remove"))
                    (link(Weight::Plain, None, "Keep them", &signed_in.path(PEOPLE)))
                }))
            }
        }))
    }
}
