//! Who asks for a page. [`Person`] is whoever is signed in; [`SignedIn`] is one in an account, with at least the role that
//! its parameter names. Nothing else makes these, so a handler that has one need not check again.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::Role;
use domain::audit::Actor;
use protocol::AccountId;
use store::{Membership, OperatorRecord, Right, SignedInRecord, Store};
use ui::Markup;
use ui::document::{Page, Site};

use super::fault::Fault;
use super::here::Here;
use super::page::{self, Look};
use super::{cookie, navigation};
use crate::edge;
use crate::state::Shared;

/// Name of the variable part of a path that says the account.
const ACCOUNT: &str = "account";

/// A role that a page asks for, as a type.
pub(crate) trait AtLeast: Send + Sync + 'static {
    /// The least role that may.
    const ROLE: Role;
}

/// Every member may.
#[derive(Debug)]
pub(crate) enum Viewer {}
/// Operators and owners may.
#[derive(Debug)]
pub(crate) enum Operator {}
/// Owners may.
#[derive(Debug)]
pub(crate) enum Owner {}

impl AtLeast for Viewer {
    const ROLE: Role = Role::Viewer;
}
impl AtLeast for Operator {
    const ROLE: Role = Role::Operator;
}
impl AtLeast for Owner {
    const ROLE: Role = Role::Owner;
}

/// Whoever is signed in, whatever accounts they have.
#[derive(Clone)]
pub(crate) struct Person {
    /// Who, since when, and their accounts.
    pub(crate) record: Arc<SignedInRecord>,
    /// Where the request has arrived.
    pub(crate) here: Here,
    /// Writes while they are signed in, and no longer: the form's last byte may come seconds after its head.
    pub(crate) store: Store,
    look: Look,
    /// The path and query that were asked for.
    asked: String,
}

/// A member of the account that the path names, with at least the role `R`.
pub(crate) struct SignedIn<R: AtLeast = Viewer> {
    /// Who.
    pub(crate) person: Person,
    /// The account, and what they may do in it.
    pub(crate) membership: Membership,
    /// Writes while they are signed in and have the role `R`, and no longer.
    pub(crate) store: Store,
    role: PhantomData<R>,
}

impl FromRequestParts<Shared> for Person {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Fault> {
        if let Some(person) = parts.extensions.get::<Self>() {
            return Ok(person.clone());
        }
        let here = match Here::from_request_parts(parts, state).await {
            Ok(here) => here,
            Err(never) => match never {},
        };
        let asked = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        // A form that was sent too late is filled in again; only what was read is gone back to.
        let next = (parts.method == Method::GET).then(|| asked.clone());
        let sign_in_first = Fault::SignInFirst { next };
        let Some(token) = cookie::token(&parts.headers, &here) else { return Err(sign_in_first) };
        let now = state.now();
        let Some(record) = state.store.signed_in(token.clone(), now).await? else { return Err(sign_in_first) };
        edge::proven(state, &parts.extensions);
        if record.session.times.is_worth_noting(now) {
            // Whether it is noted decides nothing that this request is about.
            let store = state.store.clone();
            tokio::spawn(async move { store.note_session_seen(token, now).await });
        }
        let right = Right::SignedIn { operator: record.operator.id, session: record.session.id };
        let store = state.store.on_right(right);
        let person = Self { record: Arc::new(record), here, store, look: Look::of(&parts.headers), asked };
        parts.extensions.insert(person.clone());
        Ok(person)
    }
}

impl<R: AtLeast> FromRequestParts<Shared> for SignedIn<R> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Fault> {
        let person = Person::from_request_parts(parts, state).await?;
        let variables = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Fault::NotFound)?;
        let named = variables.iter().find(|(name, _)| *name == ACCOUNT).and_then(|(_, id)| id.parse::<AccountId>().ok());
        // An account of others and one that does not exist are the same to a stranger.
        let membership = named.and_then(|account| person.membership(account)).cloned().ok_or(Fault::NotFound)?;
        if membership.role < R::ROLE {
            return Err(Fault::NeedsRole(R::ROLE));
        }
        let store = person.store_of_member(membership.account, R::ROLE);
        Ok(Self { person, membership, store, role: PhantomData })
    }
}

impl Person {
    /// Who it is.
    pub(crate) fn operator(&self) -> &OperatorRecord {
        &self.record.operator
    }

    /// Writes while they have at least this role in the account, and no longer.
    pub(crate) fn store_of_member(&self, account: AccountId, role: Role) -> Store {
        self.store.on_right(Right::Member { operator: self.operator().id, session: self.record.session.id, account, role })
    }

    /// Their place in an account.
    pub(crate) fn membership(&self, account: AccountId) -> Option<&Membership> {
        self.record.memberships.iter().find(|membership| membership.account == account)
    }

    /// A page beside any account: one thing, no navigation.
    pub(crate) fn page(&self, status: StatusCode, title: &str, main: Markup) -> Response {
        let account = navigation::person(self);
        let site = Site { name: page::NAME, home: "/", theme_action: Some(page::THEME_ACTION), footer: page::footer(), ..Site::default() };
        let page = Page { title, here: &self.asked, theme: self.look.0, ..Page::default() };
        let main = ui::html! { (account) (main) };
        ui::response::page(status, ui::document::bare(&site, &page, main)).into_response()
    }
}

impl<R: AtLeast> SignedIn<R> {
    /// The account that the page is about.
    pub(crate) fn account(&self) -> AccountId {
        self.membership.account
    }

    /// Who it is.
    pub(crate) fn operator(&self) -> &OperatorRecord {
        self.person.operator()
    }

    /// Who does it, for the audit.
    pub(crate) fn actor(&self) -> Actor {
        Actor::Operator(self.operator().id.to_string())
    }

    /// Whether they may do what takes this role: for leaving out buttons that would not work.
    pub(crate) fn may(&self, role: Role) -> bool {
        self.membership.role >= role
    }

    /// The path of another page of the same account: `rest` begins with a slash, or is empty for its overview.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/console/{}{rest}", self.account())
    }

    /// A page of the account. `current`: the part of its path that its entry in the navigation has.
    pub(crate) fn page(&self, title: &str, current: &str, main: Markup) -> Response {
        self.whole_page(StatusCode::OK, (title, current, false), main)
    }

    /// A page of the account that has a [`Self::live_part`].
    pub(crate) fn live_page(&self, title: &str, current: &str, main: Markup) -> Response {
        self.whole_page(StatusCode::OK, (title, current, true), main)
    }

    /// A part of a page that is taken anew from it whenever a job of the account has changed.
    pub(crate) fn live_part(&self, id: &str, content: &Markup) -> Markup {
        ui::live::looked_up(id, &self.path("/events"), &self.person.asked, content)
    }

    /// A page of the account with another status: a form that has to be mended, say.
    pub(crate) fn page_with(&self, status: StatusCode, title: &str, current: &str, main: Markup) -> Response {
        self.whole_page(status, (title, current, false), main)
    }

    fn whole_page(&self, status: StatusCode, (title, current, live): (&str, &str, bool), main: Markup) -> Response {
        let entries = navigation::entries(&self.path(""));
        let (home, current) = (self.path(""), self.path(current));
        let site = Site {
            name: page::NAME,
            home: &home,
            navigation: navigation::groups(&entries),
            account: navigation::account(&self.person, &self.membership),
            footer: page::footer(),
            theme_action: Some(page::THEME_ACTION),
            form_extras: Markup::default(),
        };
        let page = Page { title, current: &current, here: &self.person.asked, theme: self.person.look.0, live };
        ui::response::page(status, ui::document::document(&site, &page, main)).into_response()
    }

    /// Off to another page of the account: what a form's answer is once it has done something.
    pub(crate) fn go(&self, rest: &str) -> Response {
        ui::response::see_other(&self.path(rest)).into_response()
    }
}
