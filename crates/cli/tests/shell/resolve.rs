//! `resolve` against the lab, which runs beside it.

use std::fs;
use std::process::Stdio;

use crate::program::{Service, command, run, run_with, text};

struct Lab {
    _service: Service,
    url: String,
    address: String,
}

fn lab() -> Lab {
    let mut service = Service::start(&["lab", "--json", "--listen", "127.0.0.1:0"]);
    let url = service.next_json()["labUrl"].as_str().unwrap().to_owned();
    let address = url.strip_prefix("http://").unwrap().to_owned();
    Lab { _service: service, url, address }
}

#[test]
fn a_person_sees_the_chain_hop_by_hop() {
    let lab = lab();
    let ended = run(&["resolve", "--allow", &lab.address, &format!("{}/chain/302/1", lab.url)]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let lines: Vec<_> = ended.out.lines().collect();
    assert_eq!(lines[0], format!("{}/chain/302/1", lab.url));
    assert!(lines[1].starts_with(&format!("├─ 302 {}/chain/302/1", lab.url)), "{}", lines[1]);
    assert!(lines[2].starts_with(&format!("└─ 200 {}/landing", lab.url)), "{}", lines[2]);
    assert!(lines[3].trim_start().starts_with("valid  "), "{}", lines[3]);
    assert!(!ended.out.contains('\u{1b}'), "no colours in a pipe");
}

#[test]
fn json_lines_come_in_the_order_of_the_input_and_the_worst_decides_the_exit_code() {
    let lab = lab();
    let paths = ["/slow", "/app/market", "/landing", "/refused/private"];
    let input: String = paths.iter().map(|path| format!("{}{path}\n", lab.url)).collect();
    let ended = run_with(&["resolve", "--json", "--allow", &lab.address], &[], input.as_bytes());
    let lines: Vec<serde_json::Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let conclusions: Vec<_> = lines.iter().map(|line| line["result"]["conclusion"].as_str().unwrap()).collect();
    assert_eq!(conclusions, ["valid", "app_handoff", "valid", "target_refused"]);
    assert_eq!(lines[0]["trackingUrl"], format!("{}/slow", lab.url));
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("4 links in"), "{}", ended.err);

    let as_completed = run_with(&["resolve", "--json", "--as-completed", "--allow", &lab.address], &[], input.as_bytes());
    assert!(as_completed.out.lines().last().unwrap().contains("/slow"), "the slow one comes last");
    let review = run(&["resolve", "--quiet", "--json", "--allow", &lab.address, &format!("{}/app/market", lab.url)]);
    assert_eq!((review.code, review.err.as_str()), (6, ""));
}

#[test]
fn a_refused_target_says_which_address_and_why() {
    let ended = run(&["resolve", "http://127.0.0.1:8080/"]);
    assert_eq!(ended.code, 1);
    assert!(ended.out.contains("target_refused  127.0.0.1 is refused: a loopback address"), "{}", ended.out);
    assert!(ended.err.contains("--allow ADDR:PORT"), "{}", ended.err);
}

#[test]
fn what_a_row_asks_for_is_judged_by_flags_and_by_columns() {
    let lab = lab();
    let link = format!("{}/parameters?click=c-1&sub=north", lab.url);
    let conclude = |flags: &[&str]| {
        let ended = run(&[&["resolve", "--json", "--quiet", "--allow", &lab.address, &link][..], flags].concat());
        let line: serde_json::Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{}", ended.err));
        (line["result"]["conclusion"].as_str().unwrap().to_owned(), ended.code)
    };
    assert_eq!(conclude(&["--require-param", "session", "--require-param", "sub=NORTH"]), ("valid".to_owned(), 0));
    assert_eq!(conclude(&["--require-param", "click"]), ("parameters_missing".to_owned(), 1));
    assert_eq!(conclude(&["--accepted-url", &format!("{}/landing?of=another-day", lab.url)]), ("valid".to_owned(), 0));
    assert_eq!(conclude(&["--accepted-url", "https://shop.example/landing"]), ("drifted".to_owned(), 6));
    let wrong = run(&["resolve", "--accepted-url", "shop.example", &link]);
    assert!(wrong.code == 2 && wrong.err.contains("--accepted-url: must be an absolute"), "{} {}", wrong.code, wrong.err);

    let sheet = format!("url,requiredParameters,acceptedUrl\n{link},click,\n{link},,{0}/elsewhere\n{link},,\n", lab.url);
    let flags = ["resolve", "--csv", "-", "--csv-out", "-", "--require-param", "session=7", "--allow", &lab.address];
    let ended = run_with(&flags, &[], sheet.as_bytes());
    let conclusions: Vec<_> = ended.out.lines().skip(1).map(|line| line.split(',').nth(3).unwrap()).collect();
    assert_eq!(conclusions, ["parameters_missing", "drifted", "valid"]);
}

#[test]
fn a_sheet_goes_round_and_stays_as_it_was_when_the_run_breaks_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("round.csv");
    let resolve = || run(&["resolve", "--quiet", "--pace", "0", "--csv", text(&path), "--csv-out", text(&path)]);
    // More than any buffer holds; the guard refuses each, so that nothing is dialled.
    let sheet: String = (0..2_000).map(|n| format!("{n},http://127.0.0.1:9/{n}\n")).collect();
    let sheet = format!("offer,url\n{sheet}");
    fs::write(&path, format!("{sheet}last,http://127.0.0.1:9/,\n").replacen("offer,url", "offer,url,acceptedUrl", 1)).unwrap();
    assert_eq!(resolve().code, 1);
    let round = fs::read_to_string(&path).unwrap();
    assert_eq!((round.lines().count(), round.matches(",target_refused,").count()), (2_002, 2_001));

    let wrong = format!("offer,url,acceptedUrl\n{}last,http://127.0.0.1:9/,nonsense\n", sheet.trim_start_matches("offer,url\n"));
    fs::write(&path, &wrong).unwrap();
    let broken_off = resolve();
    assert!(broken_off.code == 2 && broken_off.err.contains("row 2002"), "{}", broken_off.err);
    assert_eq!(fs::read_to_string(&path).unwrap(), wrong);
    let partial = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).find(|other| *other != path).unwrap();
    assert!(broken_off.err.contains(text(&partial)), "{}", broken_off.err);
    assert!(fs::read_to_string(&partial).unwrap().contains(",target_refused,"));
}

#[test]
fn a_closed_output_is_no_good_end() {
    let arguments = ["resolve", "--json", "http://127.0.0.1:9/1", "http://127.0.0.1:9/2"];
    let mut child = command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1), "the first link is bad, and of the second nobody knows");
}

#[test]
fn what_a_relay_would_refuse_is_a_mistake_of_the_command_line() {
    for (flag, value) in [
        ("--expect-domain", "http://shop.example"),
        ("--referer", "news"),
        ("--user-agent", ""),
        ("--user-agent", "a\nb"),
        ("--accept-language", "de\r"),
        ("--har", "-"),
    ] {
        let ended = run(&["resolve", flag, value, "http://127.0.0.1:9/"]);
        assert!(ended.code == 2 && ended.err.contains(flag), "{flag} {value:?}: {} {}", ended.code, ended.err);
    }
    let ended = run_with(&["resolve", "--csv", "-"], &[], b"url,expectedDomain\nhttp://127.0.0.1:9/,http://shop.example\n");
    assert!(ended.code == 2 && ended.err.contains("row 2 of standard input: expectedDomain"), "{}", ended.err);
}

#[test]
fn a_list_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(&["resolve", "--file", text(folder.path())]);
    assert!(ended.code == 4 && ended.err.contains(text(folder.path())), "{}", ended.err);
    let path = folder.path().join("links.txt");
    fs::write(&path, b"http://\xff/\n").unwrap();
    let ended = run(&["resolve", "--file", text(&path)]);
    assert!(ended.code == 2 && ended.err.contains("links.txt: line 1"), "{}", ended.err);
    if fs::metadata("/dev/full").is_ok() {
        let ended = run_with(&["resolve", "--csv", "-", "--csv-out", "/dev/full"], &[], b"url\nhttp://127.0.0.1:9/\n");
        assert!(ended.code == 4 && ended.err.contains("cannot write /dev/full"), "{}", ended.err);
    }
}

#[test]
fn a_link_cannot_steer_the_terminal() {
    let ended = run_with(&["resolve", "--file", "-"], &[], b"javascript:\x1b[2J\n");
    assert!(ended.out.contains("javascript:\u{fffd}[2J"), "{:?}", ended.out);
}

#[test]
fn a_proxy_may_be_named_by_its_profile() {
    let profile = ["--proxy-profile", "de=http://127.0.0.1:9"];
    let ended = run(&[&["resolve", "--proxy", "de", "http://10.0.0.1/"][..], &profile].concat());
    assert!(ended.out.contains("target_refused") && ended.err.contains("with --allow or without"), "{} {}", ended.out, ended.err);
    let unknown = run(&[&["resolve", "--proxy", "fr", "http://10.0.0.1/"][..], &profile].concat());
    assert_eq!(unknown.code, 2, "{}", unknown.err);
}

#[test]
fn a_sheet_comes_back_with_our_columns() {
    let lab = lab();
    let sheet = format!("Offer,expectedDomain,url\nshoe,shop.example,{0}/landing\nhat,,{0}/landing\n", lab.url);
    let ended = run_with(&["resolve", "--csv", "-", "--csv-out", "-", "--allow", &lab.address], &[], sheet.as_bytes());
    let lines: Vec<_> = ended.out.lines().collect();
    assert!(lines[0].starts_with("Offer,expectedDomain,url,conclusion,class,finalUrl,"), "{}", lines[0]);
    assert!(lines[1].contains(",destination_mismatch,bad,"), "{}", lines[1]);
    assert!(lines[2].contains(",valid,ok,"), "{}", lines[2]);
    assert_eq!(ended.code, 1);
}

#[test]
fn a_file_of_rules_adds_to_the_built_in_ones_replaces_them_and_turns_them_off() {
    let (lab, folder) = (lab(), tempfile::tempdir().unwrap());
    let file = folder.path().join("rules.toml");
    let conclusions = |more: &[&str]| {
        let (landing, parked) = (format!("{}/landing", lab.url), format!("{}/offer/parked", lab.url));
        let ended = run(&[&["resolve", "--no-browser", "--json", "--allow", &lab.address, &landing, &parked], more].concat());
        let lines = ended.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let told = |line: serde_json::Value| {
            (line["result"]["conclusion"].as_str().unwrap().to_owned(), line["result"]["detail"].as_str().unwrap().to_owned())
        };
        lines.map(told).collect::<Vec<_>>()
    };
    let before = conclusions(&[]);
    assert_eq!((before[0].0.as_str(), before[1].0.as_str()), ("valid", "offer_unavailable"));
    let rules = run(&["rules", "show", "--json"]).json();
    let names = rules.as_array().unwrap().iter().map(|rule| rule["name"].as_str().unwrap());
    let by = names.into_iter().find(|name| before[1].1.contains(&format!("`{name}`"))).unwrap();
    let text_of_rules = format!(
        "[[offer_unavailable]]\nname = 'landed nowhere'\npath = ['/landing']\n\n[[offer_unavailable]]\nname = '{by}'\nenabled = false\n"
    );
    fs::write(&file, text_of_rules).unwrap();
    let after = conclusions(&["--rules", text(&file)]);
    assert_eq!((after[0].0.as_str(), after[1].0.as_str()), ("offer_unavailable", "valid"));
    assert!(after[0].1.contains("`landed nowhere`"), "{}", after[0].1);
    let shown = run(&["rules", "show", text(&file)]);
    assert!(shown.out.lines().any(|line| line.starts_with(by) && line.trim_end().ends_with("off")), "{}", shown.out);
    fs::write(&file, run(&["rules", "show", "--toml"]).out).unwrap();
    assert_eq!(run(&["rules", "check", text(&file)]).code, 0, "what it shows is what it reads");
    fs::write(&file, "[[challenge]]\nname = 'all'\n").unwrap();
    let refused = run(&["rules", "check", text(&file)]);
    assert!(refused.code == 2 && refused.err.contains("`all`"), "{}", refused.err);
}
