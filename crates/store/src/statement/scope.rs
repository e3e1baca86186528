//! No statement that runs for a request looks beyond one account: its cost does not grow with the number of accounts,
//! and accounts can be spread over several databases. Shown by the plans of both databases, not by the look of the text.

use serde_json::Value as Json;

use super::{NONCES, Statement, all};
use crate::session::postgres::Connection;
use crate::session::{PostgresUrl, sqlite};

/// Statements that look across accounts, and why they may. Everything else must begin with the account.
const ACROSS_ACCOUNTS: &[(&str, &str)] = &[
    ("upkeep/take_ended_leases", "time passes for all accounts at once; bounded, by an index on the end of leases"),
    ("upkeep/take_due", "time passes for all accounts at once; bounded, by an index on when they are due"),
    ("upkeep/take_expired", "time passes for all accounts at once; bounded, by an index on the deadline"),
    ("upkeep/drop_old_links", "time passes for all accounts at once; a table of some dozens"),
    ("upkeep/drop_old_wanted_links", "time passes for all accounts at once; a table of some few"),
    ("upkeep/may_prune", "touches no table"),
    ("upkeep/accounts_to_prune", "finds the accounts whose turn it is; bounded"),
    ("clock/database_clock", "touches no table"),
    ("accounts/insert_account", "an account is found by its name when an operator names it, not for a request"),
    ("accounts/accounts", "lists them for whoever is at the relay's own machine; bounded"),
    ("accounts/account_by_name", "an account is found by its name when an operator names it, not for a request"),
    ("keys/all_keys", "fills the key cache at start and after a change"),
    ("keys/insert_key", "a key's id is unique over all accounts: it names its account"),
    ("keys/inventory_versions", "as keys/all_keys"),
    ("keys/drop_previous", "time passes for all accounts at once; by an index on the end of overlaps"),
    ("sealing/current", "the sealing keys are the installation's: a handful of rows"),
    ("sealing/generations", "the sealing keys are the installation's: a handful of rows"),
    ("sealing/add_generation", "the sealing keys are the installation's: a handful of rows"),
    ("devices/all_devices", "fills the device list at start and after a change"),
    ("devices/device", "a device's id names its account; asked for only to see whether the database answers"),
    ("devices/insert_device", "a device's id is unique over all accounts: it names its account"),
    ("devices/count_devices", "linking codes are a table of some dozens; once for each linking"),
    ("devices/insert_link", "a device code is unique over all accounts: it names its account"),
    ("devices/link", "a device code names its account; a few times for each linking"),
    ("devices/link_standing", "a device code names its account; a few times for each linking"),
    ("devices/want_link", "no account has a code that nobody has decided; when an operator types one"),
    ("devices/tell_link", "no account has a code that nobody has decided; when an operator looks for it"),
    ("devices/wanted_link", "no account has a code that nobody has decided; when an operator looks for it"),
    ("devices/consume_link", "a device code names its account; once for each linking"),
    ("nonces/slice", "eight rows that say which time each nonce table holds"),
    ("nonces/turn_slot", "eight rows that say which time each nonce table holds"),
];
/// Folders of statements that no relay runs.
const OPERATORS_ONLY: &[&str] = &["admin/", "check/"];
/// Persons may belong to many accounts: what is about them begins with the operator, or with what they prove themselves by.
/// What is about their place in an account begins with the account all the same ([`OF_MEMBERS`]).
const OF_PERSONS: &str = "people/";
const OF_MEMBERS: &[&str] = &[
    "people/role_of",
    "people/hold_role",
    "people/owners",
    "people/set_role",
    "people/drop_member",
    "people/insert_membership",
    "people/insert_invitation",
    "people/count_invitations",
    "people/drop_invitation",
    "people/drop_invitations_of_email",
    "people/insert_setup_link",
    "people/drop_setup_links",
];

fn of_requests() -> impl Iterator<Item = &'static Statement> {
    let nonces = NONCES.iter().flat_map(|nonces| [&nonces.spend, &nonces.find]);
    let is_excused = |name: &str| {
        OPERATORS_ONLY.iter().any(|folder| name.starts_with(folder))
            || (name.starts_with(OF_PERSONS) && !OF_MEMBERS.contains(&name))
            || ACROSS_ACCOUNTS.iter().any(|(excused, _)| *excused == name)
    };
    all().into_iter().chain(nonces).filter(move |statement| !is_excused(statement.name))
}

#[test]
fn every_exception_is_a_statement() {
    for name in ACROSS_ACCOUNTS.iter().map(|(name, _)| name).chain(OF_MEMBERS) {
        assert!(all().iter().any(|statement| statement.name == *name), "{name}");
    }
}

#[test]
fn on_sqlite_every_search_begins_with_the_account() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = sqlite::open(&folder.path().join("db"), false).unwrap();
    crate::migrate::sqlite(&mut connection).unwrap();
    let mut searches = 0;
    for statement in of_requests() {
        expect_account_first(statement.name, statement.sqlite());
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", statement.sqlite())).unwrap();
        for index in 1..=plan.parameter_count() {
            plan.raw_bind_parameter(index, rusqlite::types::Null).unwrap();
        }
        let mut steps = plan.raw_query();
        while let Some(step) = steps.next().unwrap() {
            let step: String = step.get(3).unwrap();
            let of_tables = step.starts_with("SEARCH") || (step.starts_with("SCAN") && !is_a_derived_table(&step));
            if of_tables {
                searches += 1;
                let first = step.split_once('(').map_or("", |(_, columns)| columns);
                let whose = if step.starts_with("SEARCH a USING") || step.starts_with("SEARCH accounts ") { "id=?" } else { "account=?" };
                assert!(first.contains(whose), "{}: {step}", statement.name);
            }
        }
    }
    assert!(searches > 20, "only {searches} searches were looked at");
}

/// The scan of a subquery's rows, which were found by a search of their own, or of no table at all.
fn is_a_derived_table(step: &str) -> bool {
    matches!(step, "SCAN j" | "SCAN p" | "SCAN k" | "SCAN CONSTANT ROW") || step.starts_with("SCAN (subquery")
}

#[tokio::test]
async fn on_postgres_every_table_is_read_by_account() {
    let url = PostgresUrl::parse(&testkit::postgres::new_database()).unwrap();
    let mut connection = Connection::open(&url).await.unwrap();
    crate::migrate::postgres(&mut connection).await.unwrap();
    let client = connection.client();
    let mut conditions = 0;
    for statement in of_requests() {
        expect_account_first(statement.name, statement.postgres());
        let prepared = client.prepare(statement.postgres()).await.unwrap();
        // Under the session's own settings, which force the plan that is used for every value.
        let nulls = vec!["NULL"; prepared.params().len()].join(", ");
        let execute = if nulls.is_empty() { "EXECUTE looked_at".to_owned() } else { format!("EXECUTE looked_at ({nulls})") };
        client.batch_execute(&format!("PREPARE looked_at AS {}", statement.postgres())).await.unwrap();
        let plan = client.query_one(&format!("EXPLAIN (FORMAT JSON) {execute}"), &[]).await.unwrap();
        client.batch_execute("DEALLOCATE looked_at").await.unwrap();
        let plan: Json = serde_json::from_str(&plan.get::<_, AsText>(0).0).unwrap();
        conditions += look_at(statement.name, &plan[0]["Plan"]);
    }
    assert!(conditions > 20, "only {conditions} conditions were looked at");
}

/// Looks at a node of a plan and all beneath it; returns how many tables were read.
fn look_at(statement: &str, node: &Json) -> usize {
    let mut looked_at = 0;
    let kind = node["Node Type"].as_str().unwrap_or_default();
    // A place was found by a search that is looked at by itself.
    if kind != "Tid Scan"
        && kind.ends_with("Scan")
        && (node["Relation Name"].is_string() || node["Index Name"].is_string())
        && kind != "Bitmap Heap Scan"
    {
        let condition = node["Index Cond"].as_str().unwrap_or_default();
        let whose = if node["Relation Name"] == "accounts" { "id = " } else { "account = " };
        // A unique id may lead to the one row; whose it is, is then asked of that row.
        let by_unique_id = node["Index Name"].as_str().is_some_and(|index| index.ends_with("_key"));
        let of_that_row = by_unique_id && node["Filter"].as_str().is_some_and(|filter| filter.contains(whose));
        assert!(condition.contains(whose) || of_that_row, "{statement}: {node:#}");
        looked_at += 1;
    }
    looked_at + node["Plans"].as_array().into_iter().flatten().map(|child| look_at(statement, child)).sum::<usize>()
}

/// What is inserted begins with the account too.
fn expect_account_first(name: &str, sql: &str) {
    for (at, _) in sql.match_indices("INSERT INTO") {
        let columns = sql[at..].split_once('(').map_or("", |(_, columns)| columns);
        assert!(columns.starts_with("account,"), "{name}: {}", &sql[at..]);
    }
}

/// JSON of the server's, as text.
struct AsText(String);

impl<'a> tokio_postgres::types::FromSql<'a> for AsText {
    fn from_sql(_: &tokio_postgres::types::Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(String::from_utf8(raw.to_vec())?))
    }

    fn accepts(ty: &tokio_postgres::types::Type) -> bool {
        *ty == tokio_postgres::types::Type::JSON
    }
}
