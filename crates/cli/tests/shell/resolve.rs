//! `resolve` against the lab, which runs beside it.

use crate::program::{Service, run, run_with};

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
