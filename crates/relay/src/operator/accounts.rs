//! Accounts, for whoever is at the relay's own machine: list, make, give another plan.

use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::audit::Actor;
use protocol::fetch_request::PayloadError;
use protocol::text::is_plain_text;
use protocol::{AccountId, UnixMillis};
use serde::{Deserialize, Serialize};
use store::Account;

use super::{Operator, account_named, read};
use crate::answer;
use crate::path::PathParts;
use crate::problem::Refusal;
use crate::state::{RelayState, Shared};

/// Accounts of one answer.
const PAGE: u32 = 200;
/// Characters of an account's name.
const MAX_NAME: usize = 100;

/// An account, as an operator at the relay's own machine sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedAccount {
    /// Its id.
    pub account_id: AccountId,
    /// What people call it; unique.
    pub name: String,
    /// The name of its plan.
    pub plan: String,
    /// When it was made.
    pub created_at: UnixMillis,
}

impl From<Account> for ListedAccount {
    fn from(Account { id, name, plan, created_at }: Account) -> Self {
        Self { account_id: id, name, plan, created_at }
    }
}

#[derive(Deserialize)]
pub(crate) struct After {
    #[serde(default)]
    after: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    plan: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPlan {
    plan: String,
}

/// `GET /api/operator/accounts?after=NAME`: by name, so many at a time.
pub(crate) async fn list(
    State(state): State<Shared>,
    _operator: Operator,
    Query(After { after }): Query<After>,
) -> Result<Response, Refusal> {
    let accounts = state.store.accounts(&after, PAGE).await?;
    answer::json(StatusCode::OK, &accounts.into_iter().map(ListedAccount::from).collect::<Vec<_>>())
}

/// `POST /api/operator/accounts`
pub(crate) async fn create(State(state): State<Shared>, _operator: Operator, request: Request) -> Result<Response, Refusal> {
    let New { name, plan } = read(&state, request).await?;
    let mut faults = Vec::new();
    let is_name = (1..=MAX_NAME).contains(&name.chars().count()) && is_plain_text(&name) && name.trim() == name;
    if !is_name {
        faults.push(PayloadError::new(
            "/name",
            format!("must have 1 to {MAX_NAME} characters, none that control or turn the direction of text, no blanks around it"),
        ));
    }
    faults.extend(plan_fault(&state, &plan));
    if !faults.is_empty() {
        return Err(Refusal::InvalidPayload(faults));
    }
    match state.store.create_account(&name, &plan, state.now()).await? {
        Some(account) => {
            tracing::info!(account.id = %account.id, "account made");
            answer::json(StatusCode::OK, &ListedAccount::from(account))
        }
        None => Err(Refusal::InvalidPayload(vec![PayloadError::new("/name", "is taken")])),
    }
}

/// `POST /api/operator/accounts/{account}/plan`
pub(crate) async fn set_plan(
    State(state): State<Shared>,
    _operator: Operator,
    PathParts(name): PathParts<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let NewPlan { plan } = read(&state, request).await?;
    let account = account_named(&state, &name).await?;
    if let Some(fault) = plan_fault(&state, &plan) {
        return Err(Refusal::InvalidPayload(vec![fault]));
    }
    state.store.set_plan(account.id, &plan, Actor::Machine, state.now()).await?;
    tracing::info!(account.id = %account.id, plan, "account has another plan");
    answer::json(StatusCode::OK, &ListedAccount::from(Account { plan, ..account }))
}

fn plan_fault(state: &RelayState, plan: &str) -> Option<PayloadError> {
    let plans = &state.store.settings().plans;
    let names = || plans.names().collect::<Vec<_>>().join(", ");
    plans.get(plan).is_none().then(|| PayloadError::new("/plan", format!("is none of this relay's plans ({})", names())))
}
