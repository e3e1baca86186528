//! Which room may name which, and which room may name an outside crate that gives power: a database, a listener, an
//! outward connection, a key. Read from the manifests; `doors` then looks at where inside a room the power is used.

use super::Finding;
use crate::metadata::{Dependency, Package};

/// A room, the rooms that it may name, and those that its tests may name besides.
struct Room {
    name: &'static str,
    may_name: &'static [&'static str],
    tests_may_name: &'static [&'static str],
    why: &'static str,
}

const ROOMS: &[Room] = &[
    Room {
        name: "protocol",
        may_name: &[],
        tests_may_name: &[],
        why: "it is what every room meets in, and the SDK of strangers: it stands on nothing of ours",
    },
    Room {
        name: "domain",
        may_name: &["protocol"],
        tests_may_name: &[],
        why: "rules are pure functions over wire types; facts are handed in, so that a rule is a table test",
    },
    Room {
        name: "store",
        may_name: &["protocol", "domain"],
        tests_may_name: &["testkit"],
        why: "the store gathers facts, asks the domain and writes; it knows nothing of HTTP",
    },
    Room {
        name: "relay",
        may_name: &["protocol", "domain", "store", "ui"],
        tests_may_name: &["lab", "testkit"],
        why: "the relay never follows a link and never holds a desktop's code: it meets desktops in `protocol` alone",
    },
    Room {
        name: "resolver",
        may_name: &["protocol"],
        tests_may_name: &["lab"],
        why: "the resolver works without account, relay and database; `link-peeler resolve` depends on that",
    },
    Room {
        name: "desktop",
        may_name: &["protocol", "resolver", "ui"],
        tests_may_name: &["lab"],
        why: "a desktop knows the relay by its wire contract alone, so that any version of one works with any of the other",
    },
    Room { name: "ui", may_name: &["protocol"], tests_may_name: &[], why: "layout and components know wire types, not services" },
    Room {
        name: "lab",
        may_name: &["protocol"],
        tests_may_name: &[],
        why: "the lab plays strangers' sites; of ours it knows the conclusions that it expects",
    },
    Room {
        name: "testkit",
        may_name: &[],
        tests_may_name: &[],
        why: "it starts real parts for the tests of every room, so it stands on none of them",
    },
    Room {
        name: "cli",
        may_name: &["protocol", "domain", "store", "relay", "resolver", "desktop", "lab", "ui"],
        tests_may_name: &["testkit"],
        why: "it wires the rooms together, and nothing stands on it",
    },
    Room {
        name: "bench",
        may_name: &["protocol", "domain", "store", "relay", "resolver", "desktop", "lab", "testkit"],
        tests_may_name: &[],
        why: "it measures the rooms, and nothing stands on it",
    },
    Room {
        name: "xtask",
        // Which stands on no room itself.
        may_name: &["testkit"],
        tests_may_name: &[],
        why: "it must build and report even when a room does not compile",
    },
];

/// Outside crates that give a room a power, and the rooms that have it.
struct Power {
    crates: &'static [&'static str],
    rooms: &'static [&'static str],
    /// Whether the tests of every room may use it.
    free_in_tests: bool,
    why: &'static str,
}

const POWERS: &[Power] = &[
    Power {
        crates: &[
            "rusqlite",
            "libsqlite3-sys",
            "tokio-postgres",
            "postgres",
            "deadpool",
            "deadpool-postgres",
            "refinery",
            "sqlx",
            "diesel",
        ],
        rooms: &["store"],
        free_in_tests: false,
        why: "only `store` knows SQL: give it an operation named for its effect, and add the behaviour to its conformance suite",
    },
    Power {
        crates: &["axum", "axum-server"],
        rooms: &["relay", "lab", "desktop", "ui"],
        free_in_tests: true,
        why: "only the relay, the lab and the pages answer HTTP; logic that another room needs belongs below them",
    },
    Power {
        crates: &["reqwest", "ureq", "isahc", "curl"],
        rooms: &["desktop", "cli", "relay"],
        free_in_tests: true,
        why: "only the resolver (through its guard), the desktop's relay client, the relay's way to the OpenID providers that its \
              operator has named and the shell's caller open outward connections; an HTTP client anywhere else is a door past the guard",
    },
    Power {
        crates: &["hmac"],
        rooms: &["protocol"],
        free_in_tests: false,
        why: "only `protocol::signature` names HMAC: one place decides which bytes are signed, and compares in constant time",
    },
    Power {
        crates: &["anyhow"],
        rooms: &["cli", "bench", "xtask"],
        free_in_tests: true,
        why: "libraries name their errors (`thiserror`, one enum a boundary), so that a caller can match on them",
    },
];

pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Finding> {
    let place = format!("{}/Cargo.toml", package.folder);
    let Some(room) = ROOMS.iter().find(|room| room.name == package.room) else {
        let message = "a new room: say in `xtask/src/tidy/arrows.rs` which rooms it may name, and in `ARCHITECTURE.md` what it is for";
        return vec![Finding::error(place, message)];
    };
    let mut findings = Vec::new();
    for dependency in &package.dependencies {
        let broken = if dependency.is_room { broken_arrow(room, dependency) } else { misplaced_power(room, dependency) };
        findings.extend(broken.map(|message| Finding::error(&place, message)));
    }
    findings
}

fn broken_arrow(room: &Room, dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    let allowed = room.may_name.contains(&name) || (dependency.for_tests && room.tests_may_name.contains(&name));
    (!allowed).then(|| format!("`{}` must not name `{name}`: {}", room.name, room.why))
}

fn misplaced_power(room: &Room, dependency: &Dependency) -> Option<String> {
    let power = POWERS.iter().find(|power| power.crates.contains(&dependency.name.as_str()))?;
    let allowed = power.rooms.contains(&room.name) || (dependency.for_tests && power.free_in_tests);
    (!allowed).then(|| format!("`{}` must not name `{}`: {}", room.name, dependency.name, power.why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(room: &str, dependency: &str, for_tests: bool) -> Option<String> {
        let is_room = ROOMS.iter().any(|room| room.name == dependency);
        let dependencies = vec![Dependency { name: dependency.to_owned(), is_room, for_tests }];
        let package = Package { room: room.to_owned(), folder: format!("crates/{room}"), dependencies, targets: Vec::new() };
        check(&[package]).pop().map(|finding| finding.message)
    }

    #[test]
    fn arrows_point_one_way() {
        assert_eq!(complaint("store", "domain", false), None);
        assert!(complaint("domain", "store", false).unwrap().starts_with("`domain` must not name `store`: rules are pure"));
        assert!(complaint("protocol", "domain", false).is_some());
    }

    #[test]
    fn relay_and_desktop_never_meet_not_even_in_tests() {
        for for_tests in [false, true] {
            assert!(complaint("relay", "desktop", for_tests).is_some());
            assert!(complaint("desktop", "relay", for_tests).is_some());
        }
        assert_eq!(complaint("cli", "relay", false), None);
    }

    #[test]
    fn the_lab_is_for_tests_except_in_the_binary() {
        assert_eq!(complaint("resolver", "lab", true), None);
        assert!(complaint("resolver", "lab", false).is_some());
        assert_eq!(complaint("cli", "lab", false), None);
    }

    #[test]
    fn powers_stay_where_they_are_needed() {
        assert!(complaint("relay", "rusqlite", false).unwrap().contains("only `store` knows SQL"));
        assert!(complaint("relay", "rusqlite", true).is_some());
        assert!(complaint("store", "reqwest", false).is_some());
        assert_eq!(complaint("store", "reqwest", true), None);
        assert!(complaint("relay", "hmac", true).is_some());
        assert!(complaint("store", "anyhow", false).is_some());
        assert_eq!(complaint("store", "serde_json", false), None);
    }

    #[test]
    fn a_new_room_must_be_written_down() {
        assert!(complaint("attic", "serde_json", false).unwrap().contains("a new room"));
    }
}
