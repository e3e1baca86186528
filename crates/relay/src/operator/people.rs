//! The people of an account, for whoever is at the relay's own machine: how the first one comes in, and how somebody comes
//! back in when all owners are gone.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::audit::Actor;
use domain::role::MemberChange;
use domain::{EmailAddress, Role};
use protocol::fetch_request::PayloadError;
use protocol::{InvitationId, OperatorId, UnixMillis};
use serde::{Deserialize, Serialize};
use store::{Invited, MemberChanged};

use super::{Operator, account_named, read};
use crate::answer;
use crate::console;
use crate::path::PathParts;
use crate::problem::Refusal;
use crate::state::Shared;

/// The people of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedPeople {
    /// Who belongs to it, by address.
    pub members: Vec<ListedMember>,
    /// Who is invited, by address.
    pub invitations: Vec<ListedInvitation>,
}

/// A member of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedMember {
    /// Their id.
    pub operator_id: OperatorId,
    /// The address that they sign in with.
    pub email: String,
    /// What people call them.
    pub name: String,
    /// `owner`, `operator` or `viewer`.
    pub role: String,
    /// Since when.
    pub since: UnixMillis,
}

/// An open invitation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedInvitation {
    /// Its id.
    pub invitation_id: InvitationId,
    /// To whom.
    pub email: String,
    /// `owner`, `operator` or `viewer`.
    pub role: String,
    /// Until when it can be used.
    pub expires_at: UnixMillis,
}

/// A link that opens a door once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OneTimeLink {
    /// The link. Whoever has it can use it.
    pub url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invitee {
    email: String,
    role: String,
}

/// The variable parts of a path about a member.
#[derive(Deserialize)]
pub(crate) struct MemberPath {
    account: String,
    operator: String,
}

/// `GET /api/operator/accounts/{account}/operators`
pub(crate) async fn list(
    State(state): State<Shared>,
    _operator: Operator,
    PathParts(name): PathParts<String>,
) -> Result<Response, Refusal> {
    let account = account_named(&state, &name).await?;
    let members = state.store.members(account.id).await?.into_iter().map(|member| ListedMember {
        operator_id: member.operator.id,
        email: member.operator.email.to_string(),
        name: member.operator.name,
        role: member.role.to_string(),
        since: member.since,
    });
    let invitations = state.store.invitations(account.id, state.now()).await?.into_iter().map(|invitation| ListedInvitation {
        invitation_id: invitation.id,
        email: invitation.email.to_string(),
        role: invitation.role.to_string(),
        expires_at: invitation.expires_at,
    });
    answer::json(StatusCode::OK, &ListedPeople { members: members.collect(), invitations: invitations.collect() })
}

/// `POST /api/operator/accounts/{account}/invitations`
pub(crate) async fn invite(
    State(state): State<Shared>,
    _operator: Operator,
    PathParts(name): PathParts<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let Invitee { email, role } = read(&state, request).await?;
    let account = account_named(&state, &name).await?;
    let fault = |pointer: &str, detail: String| Refusal::InvalidPayload(vec![PayloadError::new(pointer, detail)]);
    let email: EmailAddress = email.parse().map_err(|error: domain::email::InvalidEmail| fault("/email", error.to_string()))?;
    let role: Role = role.parse().map_err(|error: domain::role::UnknownRole| fault("/role", error.to_string()))?;
    let (invited, path) = console::offer_place(&state.store, (account.id, None), &email, role, state.now()).await?;
    match invited {
        Invited::Done => {
            tracing::info!(account.id = %account.id, %role, "somebody was invited");
            answer::json(StatusCode::OK, &OneTimeLink { url: format!("{}{}", state.public_url, path.expose()) })
        }
        Invited::AlreadyMember => Err(fault("/email", "belongs to the account already".to_owned())),
        Invited::TooMany => Err(fault("/email", "cannot be invited: as many invitations as may be are open".to_owned())),
    }
}

/// `POST /api/operator/accounts/{account}/operators/{operator}/remove`, by id or by address: a member, or else whoever is
/// invited, since both are listed as people of the account.
pub(crate) async fn remove(
    State(state): State<Shared>,
    _operator: Operator,
    PathParts(MemberPath { account, operator }): PathParts<MemberPath>,
) -> Result<Response, Refusal> {
    let account = account_named(&state, &account).await?;
    let address = operator.parse::<EmailAddress>().ok();
    let is_named = |id: &dyn std::fmt::Display, email: &EmailAddress| id.to_string() == operator || address.as_ref() == Some(email);
    let members = state.store.members(account.id).await?;
    let Some(member) = members.iter().find(|member| is_named(&member.operator.id, &member.operator.email)) else {
        let invitations = state.store.invitations(account.id, state.now()).await?;
        let invitation = invitations.iter().find(|invitation| is_named(&invitation.id, &invitation.email)).ok_or(Refusal::NotFound)?;
        if !state.store.withdraw_invitation(account.id, invitation.id, Actor::Machine, state.now()).await? {
            return Err(Refusal::NotFound);
        }
        tracing::info!(account.id = %account.id, "an invitation was withdrawn");
        let withdrawn = serde_json::json!({"invitationId": invitation.id, "email": invitation.email.as_str()});
        return answer::json(StatusCode::OK, &withdrawn);
    };
    match state.store.change_member(account.id, member.operator.id, MemberChange::Removal, Actor::Machine, state.now()).await? {
        MemberChanged::Done => {
            tracing::info!(account.id = %account.id, operator.id = %member.operator.id, "a member was removed");
            answer::json(StatusCode::OK, &serde_json::json!({"operatorId": member.operator.id, "email": member.operator.email.as_str()}))
        }
        MemberChanged::Unknown => Err(Refusal::NotFound),
        MemberChanged::LastOwner => Err(Refusal::InvalidPayload(vec![PayloadError::new(
            "",
            "would leave the account without an owner: make somebody else one first",
        )])),
    }
}

/// `POST /api/operator/accounts/{account}/setup-link`
pub(crate) async fn setup_link(
    State(state): State<Shared>,
    _operator: Operator,
    PathParts(name): PathParts<String>,
) -> Result<Response, Refusal> {
    let account = account_named(&state, &name).await?;
    let path = console::new_setup_link(&state.store, account.id, state.now()).await?;
    tracing::info!(account.id = %account.id, "a set-up link was made");
    answer::json(StatusCode::OK, &OneTimeLink { url: format!("{}{}", state.public_url, path.expose()) })
}
