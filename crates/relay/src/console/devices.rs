//! Devices: the desktops that follow links for the account. Who is there, what they do, linking another, renaming, revoking.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::Role;
use protocol::text::is_plain_text;
use protocol::{AccountId, DeviceId, UnixMillis};
use serde::Deserialize;
use store::{DeviceRecord, HeldLease, Presence};
use ui::button::{self, Weight};
use ui::confirm::{Question, question};
use ui::field::{self, Field};
use ui::header::{crumbs, page_header};
use ui::table::{Column, Keep, table, td};
use ui::{Icon, Markup, badge, card, code, html, number, time};

use super::fault::Fault;
use super::form::Form;
use super::place::{self};
use super::signed_in::{Operator, SignedIn};
use crate::path::PathParts;
use crate::state::{RelayState, Shared};

/// The page's place in the navigation.
pub(super) const DEVICES: &str = "/devices";
/// A desktop that was not heard for this long is away: its pulls last less than a minute, and presence is kept to half of one.
const AWAY_AFTER_MILLIS: i64 = 150_000;
/// Characters of a device's name, as at linking.
const MAX_NAME: usize = 100;

/// The desktops of an account with what is known of them.
pub(super) struct Desktops {
    devices: Vec<DeviceRecord>,
    presence: Vec<Presence>,
    leases: Vec<HeldLease>,
}

impl Desktops {
    pub(super) async fn look(state: &RelayState, account: AccountId) -> Result<Self, Fault> {
        let store = &state.store;
        let (devices, presence, leases) = tokio::try_join!(store.devices(account), store.presence(account), store.held_leases(account))?;
        Ok(Self { devices, presence, leases })
    }

    fn of(&self, device: DeviceId) -> Option<&Presence> {
        self.presence.iter().find(|presence| presence.device == device)
    }

    fn is_online(&self, device: DeviceId, now: UnixMillis) -> bool {
        self.of(device).is_some_and(|presence| now.0 - presence.seen_at.0 < AWAY_AFTER_MILLIS)
    }

    fn working(&self) -> impl Iterator<Item = &DeviceRecord> {
        self.devices.iter().filter(|device| device.revoked_at.is_none())
    }

    /// Desktops that may work.
    pub(super) fn linked(&self) -> usize {
        self.working().count()
    }

    /// Desktops that are there now.
    pub(super) fn online(&self, now: UnixMillis) -> usize {
        self.working().filter(|device| self.is_online(device.id, now)).count()
    }

    /// What desktops are called that may work and are not there.
    pub(super) fn offline(&self, now: UnixMillis) -> Vec<&str> {
        self.working().filter(|device| !self.is_online(device.id, now)).map(|device| device.name.as_str()).collect()
    }

    fn held_by(&self, device: DeviceId) -> usize {
        self.leases.iter().filter(|lease| lease.device == device).count()
    }

    fn find(&self, id: DeviceId) -> Option<&DeviceRecord> {
        self.working().find(|device| device.id == id)
    }
}

/// The variable parts of a path about a device.
#[derive(Deserialize)]
pub(super) struct DevicePath {
    device: String,
}

/// `GET /console/{account}/devices`
pub(super) async fn page(State(state): State<Shared>, signed_in: SignedIn) -> Result<Response, Fault> {
    let desktops = Desktops::look(&state, signed_in.account()).await?;
    let main = html! {
        (page_header("Devices", Some("The desktops that follow links for this account."), &html! {}))
        (list(&signed_in, &desktops, state.now()))
        (link_another(&signed_in, &signed_in.person.here.origin))
        (revoked(&desktops))
    };
    Ok(signed_in.page("Devices", DEVICES, main))
}

fn list(signed_in: &SignedIn, desktops: &Desktops, now: UnixMillis) -> Markup {
    let columns = [
        Column::new("Name"),
        Column::new("Presence"),
        Column::new("Doing"),
        Column::new("Version").keep(Keep::Medium),
        Column::new("Linked").keep(Keep::Wide),
        Column::new(""),
    ];
    let body = html! {
        @for device in desktops.working() {
            @let presence = desktops.of(device.id);
            tr {
                td { strong { (device.name) } span.cell-sub { (device.platform) } }
                td {
                    (badge::presence(desktops.is_online(device.id, now)))
                    span.cell-sub { @match presence { Some(presence) => { "heard " (time::ago(presence.seen_at, now)) }, None => "never heard" } }
                }
                td { (doing(signed_in, desktops, device.id)) }
                (td(Keep::Medium, &html! { @match presence { Some(presence) => (version(&presence.version)), None => { span.faint { "–" } } } }))
                (td(Keep::Wide, &time::time(device.linked_at)))
                td.right { @if signed_in.may(Role::Operator) { a href=(signed_in.path(&format!("{DEVICES}/{}", device.id))) { "Rename or revoke" } } }
            }
        }
    };
    let shown = if desktops.linked() == 0 {
        card::empty(
            Icon::Devices,
            "No desktop is linked",
            "A desktop is a program on a machine of yours. It follows the links, so that nobody else sees them.",
            &html! {},
        )
    } else {
        table("Desktops", &columns, &body)
    };
    card::flush_card("Desktops", &html! { span.faint { (desktops.online(now)) " of " (desktops.linked()) " online" } }, &shown)
}

/// Product and version as the desktop calls itself.
fn version(agent: &str) -> &str {
    agent.strip_prefix("link-peeler-desktop/").unwrap_or(agent)
}

fn doing(signed_in: &SignedIn, desktops: &Desktops, device: DeviceId) -> Markup {
    let held: Vec<&HeldLease> = desktops.leases.iter().filter(|lease| lease.device == device).collect();
    html! {
        @match held.as_slice() {
            [] => { span.faint { "idle" } },
            [first, rest @ ..] => {
                "follows " a href=(signed_in.path(&place::job(first.job_id))) { (first.row_id) }
                @if !rest.is_empty() { " and " (number::grouped(rest.len() as u64)) " more" }
            },
        }
    }
}

fn link_another(signed_in: &SignedIn, origin: &str) -> Markup {
    let command = format!("link-peeler desktop --relay {origin}");
    card::card(
        "Link another machine",
        &html! {},
        &html! {
            p { "On that machine, run this. It shows a code of eight characters." }
            (code::block("link-command", "Commands that link a desktop", &command))
            @if signed_in.may(Role::Operator) {
                form.form method="get" action="/link" {
                    (field::input("text", &Field { name: "code", label: "Code that the desktop shows", hint: Some("Look that it is the same on both screens before you approve it."), required: true, max_length: Some(20), autocomplete: Some("off"), ..Field::default() }))
                    (field::actions(&button::submit(Weight::Main, Some(Icon::Right), "Go on")))
                }
            } @else { p.faint { "An operator of this account then approves the code here." } }
        },
    )
}

fn revoked(desktops: &Desktops) -> Markup {
    let gone: Vec<(&DeviceRecord, UnixMillis)> = desktops.devices.iter().filter_map(|device| Some((device, device.revoked_at?))).collect();
    html! {
        @if !gone.is_empty() {
            (card::fold(&format!("{} revoked", gone.len()), false, &table("Revoked desktops", &[Column::new("Name"), Column::new("Revoked")], &html! {
                @for (device, at) in &gone { tr { td { (device.name) } td { (time::time(*at)) } } }
            })))
        }
    }
}

/// The desktops in a few lines, for the overview.
pub(super) fn summary(signed_in: &SignedIn, desktops: &Desktops, now: UnixMillis) -> Markup {
    let body = html! {
        @if desktops.linked() == 0 { p.faint { "None is linked yet." } }
        @else {
            ul.lines {
                @for device in desktops.working().take(6) {
                    li {
                        (badge::presence(desktops.is_online(device.id, now)))
                        span { (device.name) }
                        span.faint { @match desktops.held_by(device.id) { 0 => "idle", held => { "follows " (held) } } }
                    }
                }
            }
        }
    };
    card::card("Desktops", &html! { a href=(signed_in.path(DEVICES)) { "All desktops" } }, &body)
}

async fn found(state: &RelayState, signed_in: &SignedIn<Operator>, path: &DevicePath) -> Result<DeviceRecord, Fault> {
    let id: DeviceId = path.device.parse().map_err(|_| Fault::NotFound)?;
    let desktops = Desktops::look(state, signed_in.account()).await?;
    desktops.find(id).cloned().ok_or(Fault::NotFound)
}

/// `GET /console/{account}/devices/{device}`: rename or revoke.
pub(super) async fn one(
    State(state): State<Shared>,
    signed_in: SignedIn<Operator>,
    PathParts(path): PathParts<DevicePath>,
) -> Result<Response, Fault> {
    let device = found(&state, &signed_in, &path).await?;
    Ok(signed_in.page(&device.name, DEVICES, change(&signed_in, &device, None)))
}

fn change(signed_in: &SignedIn<Operator>, device: &DeviceRecord, error: Option<&str>) -> Markup {
    let own = signed_in.path(&format!("{DEVICES}/{}", device.id));
    html! {
        (crumbs(&[(&signed_in.path(DEVICES), "Devices")]))
        (page_header(&device.name, Some(&device.platform), &html! {}))
        (card::columns(&[
            card::card("Name", &html! {}, &html! {
                form.form method="post" action={ (own) "/rename" } {
                    (field::input("text", &Field { name: "name", label: "What people call it", value: &device.name, error, required: true, max_length: Some(100), autocomplete: Some("off"), ..Field::default() }))
                    (field::actions(&button::submit(Weight::Main, None, "Rename")))
                }
            }),
            card::card("Revoke", &html! {}, &question(&Question {
                title: "Revoke this desktop?",
                consequences: html! { p { "It gets no more jobs, at once and for good. What it is following goes to the others. To use the machine again, link it anew." } },
                deed: "Revoke",
                action: &format!("{own}/revoke"),
                cancel: &signed_in.path(DEVICES),
                fields: &[],
                asks: html! {},
                form_extras: html! {},
            })),
        ]))
    }
}

#[derive(Deserialize)]
pub(super) struct NewName {
    name: String,
}

/// `POST /console/{account}/devices/{device}/rename`
pub(super) async fn rename(
    State(state): State<Shared>,
    signed_in: SignedIn<Operator>,
    PathParts(path): PathParts<DevicePath>,
    Form(NewName { name }): Form<NewName>,
) -> Result<Response, Fault> {
    let device = found(&state, &signed_in, &path).await?;
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || !is_plain_text(name) {
        let main = change(&signed_in, &device, Some("A name has 1 to 100 characters, and none that turn the direction of text."));
        return Ok(signed_in.page_with(StatusCode::UNPROCESSABLE_ENTITY, &device.name, DEVICES, main));
    }
    signed_in.store.rename_device(signed_in.account(), device.id, name.to_owned(), signed_in.actor(), state.now()).await?;
    Ok(signed_in.go(DEVICES))
}

/// `POST /console/{account}/devices/{device}/revoke`
pub(super) async fn revoke(
    State(state): State<Shared>,
    signed_in: SignedIn<Operator>,
    PathParts(path): PathParts<DevicePath>,
) -> Result<Response, Fault> {
    let device = found(&state, &signed_in, &path).await?;
    if signed_in.store.revoke_device(signed_in.account(), device.id, signed_in.actor(), state.now()).await? {
        tracing::info!(device.id = %device.id, device.name = device.name, operator.id = %signed_in.operator().id, "device revoked");
    }
    Ok(signed_in.go(DEVICES))
}
