//! The first person: a one-time link, printed by the relay's own machine, makes an owner of whoever opens it. The same way
//! leads back in for whoever has lost their passphrase.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::EmailAddress;
use protocol::{AccountId, OperatorId, Secret, UnixMillis};
use serde::Deserialize;
use store::{DatabaseUrl, NewOwner, NewSetupLink, Sealing, SealingKey, Settings, Store, StoreError};
use ui::button::{Weight, submit};
use ui::{Icon, Markup, html};

use super::browser::Browser;
use super::cookie;
use super::fault::Fault;
use super::form::Form;
use super::newcomer::{self, Newcomer};
use crate::state::Shared;

/// Seconds that a link lives: it is printed where somebody sits, or is read in the log of the first day.
const LINK_SECONDS: i64 = 24 * 3_600;

/// Makes a link, and returns its path with the token in it.
pub(crate) async fn new_link(store: &Store, account: AccountId, now: UnixMillis) -> Result<Secret, StoreError> {
    let token = cookie::new_token();
    let path = Secret::new(format!("/setup?token={}", token.expose()));
    store.insert_setup_link(NewSetupLink { account, token, now, expires_at: now.plus_seconds(LINK_SECONDS) }).await?;
    Ok(path)
}

/// Makes a link without a relay, for whoever is at the database. `None`: no account has this name.
///
/// # Errors
/// When there is no such database, it cannot be opened, or its schema is not this program's: nothing is made here.
pub async fn setup_link_on(database: &DatabaseUrl, account: &str, public_url: &str, now: UnixMillis) -> Result<Option<Secret>, StoreError> {
    // Nothing that is sealed is touched.
    let settings = Settings::with(Sealing::with(SealingKey::new(&[0; 32])));
    let store = Store::open_beside(database, settings).await?;
    let made = match store.account_by_name(account).await? {
        Some(account) => new_link(&store, account.id, now).await.map(Some),
        None => Ok(None),
    };
    store.close().await;
    Ok(made?.map(|path| Secret::new(format!("{}{}", public_url.trim_end_matches('/'), path.expose()))))
}

#[derive(Deserialize)]
pub(super) struct Opened {
    #[serde(default)]
    token: String,
}

#[derive(Deserialize)]
pub(super) struct Filled {
    token: String,
    email: String,
    #[serde(flatten)]
    newcomer: Newcomer,
}

/// `GET /setup?token=`
pub(super) async fn page(State(state): State<Shared>, browser: Browser, Query(Opened { token }): Query<Opened>) -> Result<Response, Fault> {
    state.sign_ins.try_from_address(browser.here.address)?;
    let Some((_, account)) = state.store.setup_link(Secret::new(token.clone()), state.now()).await? else { return Ok(void(&browser)) };
    Ok(browser.look.bare(StatusCode::OK, "Set up", form(&account, &token, "", &Newcomer::default(), &[])))
}

/// `POST /setup`
pub(super) async fn set_up(State(state): State<Shared>, browser: Browser, Form(filled): Form<Filled>) -> Result<Response, Fault> {
    state.sign_ins.try_from_address(browser.here.address)?;
    let token = Secret::new(filled.token.clone());
    // Before the hash, which costs: only whoever has a link may have one made.
    let Some((_, account)) = state.store.setup_link(token.clone(), state.now()).await? else { return Ok(void(&browser)) };
    let mut faults = Vec::new();
    let email = filled.email.parse::<EmailAddress>();
    if let Err(error) = &email {
        faults.push(("email".to_owned(), error.to_string()));
    }
    faults.extend(filled.newcomer.faults(email.as_ref().ok()));
    let (Ok(email), true) = (email, faults.is_empty()) else {
        let form = form(&account, &filled.token, &filled.email, &filled.newcomer, &faults);
        return Ok(browser.look.bare(StatusCode::UNPROCESSABLE_ENTITY, "Set up", form));
    };
    let now = state.now();
    let session = browser.new_session(now);
    let cookies = std::iter::once(cookie::set(&session.token, &browser.here)).chain(browser.known(&state, &email));
    let owner = NewOwner {
        token,
        new_id: OperatorId::random(now),
        email,
        name: filled.newcomer.name(),
        passphrase_hash: state.passphrases.hash(&filled.newcomer.passphrase()).await?,
        session,
    };
    let Some(account) = state.store.use_setup_link(owner).await? else { return Ok(void(&browser)) };
    tracing::info!(account.id = %account.id, "an owner was set up");
    Ok(super::sign_in::signed_in("/", cookies))
}

fn form(account: &str, token: &str, email: &str, newcomer: &Newcomer, faults: &[(String, String)]) -> Markup {
    let error = |name: &str| faults.iter().find(|(field, _)| field == name).map(|(_, fault)| fault.as_str());
    html! {
        (ui::header::page_header("Set up Link Peeler", Some("You become the owner of this relay's account. The link works once."), &Markup::default()))
        (ui::notice::errors(faults))
        form method="post" action="/setup" {
            input type="hidden" name="token" value=(token);
            (ui::card::terms(&[("Account", account)]))
            (ui::field::input("email", &ui::field::Field {
                name: "email", label: "Email address", value: email, error: error("email"), required: true,
                hint: Some("You sign in with it. Nothing is sent there."), autocomplete: Some("username"), max_length: Some(254),
            }))
            (newcomer::fields(newcomer, &error))
            (ui::field::actions(&submit(Weight::Main, None, "Become the owner")))
        }
    }
}

fn void(browser: &Browser) -> Response {
    let about =
        "It was used, has run out, or was not copied whole. On the relay's machine, `link-peeler operators setup-link` makes a new one.";
    let to_sign_in = ui::button::link(Weight::Plain, None, "Sign in", "/sign-in");
    browser.look.bare(StatusCode::GONE, "Set up", ui::card::alone(Icon::Warning, "This link opens nothing any more", about, &to_sign_in))
}
