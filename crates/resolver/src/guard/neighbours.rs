//! Public addresses that are no strangers: neighbours in this machine's networks, what a NAT64 of their own leads to, and
//! what a proxy beside us would find. Judged as links would ask; nothing is dialled.

use std::net::IpAddr;
use std::sync::Arc;

use super::networks::tests::SetInterfaces;
use super::{AddressClass, Answer, CheckError, Exceptions, Guard, Names, Reason, UnresolvedName};
use crate::proxy::ProxyProfile;

/// What names of these tests resolve to.
struct Known(Table);

type Table = &'static [(&'static str, &'static [&'static str])];

impl Names for Known {
    fn addresses<'a>(&'a self, name: &'a str) -> Answer<'a> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        let answer = found.map(|(_, texts)| texts.iter().map(|text| text.parse().unwrap()).collect());
        let answer = answer.ok_or_else(|| UnresolvedName { name: name.to_owned(), cause: "nobody knows it".to_owned() });
        Box::pin(std::future::ready(answer))
    }
}

fn guard(exceptions: &[&str], own: &[&str], names: Table) -> Guard {
    Guard::new(Exceptions::parse(exceptions).unwrap(), Arc::new(Known(names))).with_interfaces(SetInterfaces::of(own))
}

/// The class that `url` is refused for; `None` where it may be dialled.
async fn refused(guard: &Guard, url: &str) -> Option<AddressClass> {
    match guard.check(&url.parse().unwrap()).await {
        Ok(addresses) => {
            assert!(!addresses.is_empty());
            None
        }
        Err(CheckError::Refused(refusal)) => match refusal.reason {
            Reason::Address(class) => Some(class),
            reason => panic!("{url}: {reason}"),
        },
        Err(error) => panic!("{url}: {error}"),
    }
}

const OWN: &[&str] = &["2a02:db::10/64", "93.184.215.14/24"];

#[tokio::test]
async fn a_neighbour_is_refused_however_it_is_named() {
    let names: Table = &[
        ("six.example", &["2a02:db::1"]),
        ("four.example", &["93.184.215.1"]),
        ("both.example", &["8.8.8.8", "2a02:db::1"]),
        ("elsewhere.example", &["2a02:db:0:1::1", "93.184.216.1"]),
    ];
    let guard = guard(&["93.184.215.9:8080", "nas.example=[2a02:db::5]:80"], OWN, names);
    for url in [
        "http://[2a02:db::1]:8080/",
        "https://[2a02:db:0:0:dead::1]/",
        "http://93.184.215.1/",
        "http://0x5d.0xb8d701/",
        "http://[::ffff:93.184.215.1]/",
        "http://[64:ff9b::93.184.215.1]/",
        "http://six.example/",
        "http://four.example/",
        "http://both.example/",
        "http://93.184.215.9:8081/",
    ] {
        assert_eq!(refused(&guard, url).await, Some(AddressClass::OwnNetwork), "{url}");
    }
    for url in ["http://[2a02:db::10]/", "http://93.184.215.14/"] {
        assert_eq!(refused(&guard, url).await, Some(AddressClass::OwnInterface), "{url}");
    }
    for url in ["http://[2a02:db:0:1::1]/", "http://93.184.216.1/", "http://elsewhere.example/"] {
        assert_eq!(refused(&guard, url).await, None, "{url}");
    }
    for url in ["http://93.184.215.9:8080/", "http://nas.example/"] {
        assert_eq!(refused(&guard, url).await, None, "{url}: by an exception");
    }
}

#[tokio::test]
async fn a_networks_own_nat64_leads_to_the_address_within() {
    let names: Table = &[
        ("ipv4only.arpa", &["192.0.0.170", "2a00:db:64::192.0.0.170", "2a00:dd:c000:aa::"]),
        ("private.example", &["2a00:db:64::10.0.0.1"]),
        ("public.example", &["2a00:db:64::8.8.8.8"]),
    ];
    let guard = guard(&[], OWN, names);
    for url in [
        "http://[2a00:db:64::10.0.0.1]/",
        "http://[2a00:db:64::127.0.0.1]/",
        "http://[2a00:db:64::169.254.169.254]/",
        "http://private.example/",
        // 10.0.0.1 behind 32 bits.
        "http://[2a00:dd:a00:1::]/",
    ] {
        assert_eq!(refused(&guard, url).await, Some(AddressClass::Nat64), "{url}");
    }
    assert_eq!(refused(&guard, "http://[2a00:db:64::93.184.215.1]/").await, Some(AddressClass::OwnNetwork));
    for url in ["http://[2a00:db:64::8.8.8.8]/", "http://public.example/", "http://[2a00:dc:64::10.0.0.1]/"] {
        assert_eq!(refused(&guard, url).await, None, "{url}");
    }
}

#[tokio::test]
async fn a_proxy_beside_us_is_asked_for_nothing_that_we_would_not_dial() {
    let names: Table = &[
        ("10-0-0-1.nip.example", &["10.0.0.1"]),
        ("both.example", &["8.8.8.8", "10.0.0.1"]),
        ("neighbour.example", &["2a02:db::1"]),
        ("shop.example", &["2606:db::1", "8.8.8.8"]),
        ("proxy.example", &["192.168.1.5"]),
        ("far.example", &["9.9.9.9"]),
    ];
    let guard = guard(&[], OWN, names);
    let through = async |proxy: &str, url: &str| {
        let profile: ProxyProfile = proxy.parse().unwrap();
        guard.check_through(&url.parse().unwrap(), &profile).await.map(|way| way.target)
    };
    let near =
        ["socks5://127.0.0.1:1080", "http://[::1]:3128", "http://192.168.1.5:3128", "socks5://proxy.example", "http://93.184.215.7:3128"];
    let outward = ["http://10-0-0-1.nip.example/", "https://both.example/", "http://neighbour.example/"];
    for proxy in near {
        for url in outward.into_iter().chain(["http://[2a02:db::1]/", "http://93.184.215.1/", "http://nas.corp/", "http://router.lan/"]) {
            assert!(matches!(through(proxy, url).await, Err(CheckError::Refused(_))), "{url} through {proxy}");
        }
        let unknown = through(proxy, "http://unknown.example/").await.unwrap_err();
        assert!(matches!(&unknown, CheckError::Unresolved(_)) && unknown.to_string().contains("#public"), "{unknown}");
        let address = proxy.starts_with("socks5").then(|| "8.8.8.8".parse::<IpAddr>().unwrap());
        assert_eq!(through(proxy, "http://shop.example/").await, Ok(address), "{proxy}");
    }
    for proxy in ["socks5://9.9.9.9:1080", "http://far.example:3128", "socks5://127.0.0.1:1080#public"] {
        for url in outward.into_iter().chain(["http://unknown.example/"]) {
            assert_eq!(through(proxy, url).await, Ok(None), "{url} through {proxy}: it leads into no network of ours");
        }
        for url in ["http://[2a02:db::1]/", "http://10.0.0.1/", "http://nas.corp/"] {
            assert!(matches!(through(proxy, url).await, Err(CheckError::Refused(_))), "{url} through {proxy}");
        }
    }
    assert!(matches!(through("http://gone.example:3128", "http://shop.example/").await, Err(CheckError::Unavailable(_))));
}

#[tokio::test]
async fn a_machine_that_cannot_tell_its_networks_says_nothing_of_links() {
    let names = Known(&[("shop.example", &["8.8.8.8"])]);
    let guard =
        Guard::new(Exceptions::parse(["127.0.0.1:8080"]).unwrap(), Arc::new(names)).with_interfaces(Arc::new(SetInterfaces::default()));
    assert!(matches!(guard.check(&"http://shop.example/".parse().unwrap()).await, Err(CheckError::Unavailable(_))));
    assert_eq!(refused(&guard, "http://10.0.0.1/").await, Some(AddressClass::Private));
    assert_eq!(refused(&guard, "http://127.0.0.1:8080/").await, None, "by an exception");
}
