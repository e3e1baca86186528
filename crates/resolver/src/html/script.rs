//! Whether a script may navigate, by the words in it. No interpreter: what this finds is a reason to ask a browser, and
//! it would rather ask once too often than miss a redirect.

/// What a script has that may move the page; `None` when nothing in it can.
pub(super) fn may_navigate(code: &str) -> Option<&'static str> {
    let mut words = Words { code, at: 0 };
    while let Some((word, before, after)) = words.next() {
        if let Some(found) = judge(word, before, after) {
            return Some(found);
        }
    }
    if hides_words(code) || has_no_words(code) {
        return Some("a script that spells its words with escapes");
    }
    inserts_refresh(code).then_some("a script that writes a meta refresh")
}

/// Whether a script may stop a refresh that is on its way.
pub(super) fn may_stop(code: &str) -> bool {
    let mut words = Words { code, at: 0 };
    while let Some((word, before, after)) = words.next() {
        // `stop()` of an animation or a player is common: only the window's own counts.
        let is_own = before.ends_with("window.") || before.ends_with("self.") || !before.ends_with('.');
        if word == "stop" && is_own && begins_call(after) {
            return true;
        }
    }
    false
}

fn judge(word: &str, before: &str, after: &str) -> Option<&'static str> {
    const RUNS_TEXT: Option<&str> = Some("a script that runs text as code");
    match word {
        "location" => location(before, after),
        "navigation" if after.starts_with('.') => Some("a script that navigates"),
        "submit" | "requestSubmit" if begins_call(after) => Some("a script that sends a form"),
        "history" if after.starts_with('.') => Some("a script that changes the history"),
        "pushState" | "replaceState" if begins_call(after) => Some("a script that changes the history"),
        // `xhr.open(` opens no window, and `function open(` is not the call.
        "open" if begins_call(after) && (before.ends_with("window.") || !before.trim_end().ends_with(['.', 'n'])) => {
            Some("a script that opens a window")
        }
        "click" if before.ends_with('.') && begins_call(after) => Some("a script that clicks"),
        "dispatchEvent" => Some("a script that acts for a person"),
        "eval" | "execScript" => RUNS_TEXT,
        "Function" | "constructor" if begins_call(after) => RUNS_TEXT,
        "setTimeout" | "setInterval" if begins_text(after) => RUNS_TEXT,
        "atob" | "unescape" | "fromCharCode" if begins_call(after) => Some("a script that unpacks hidden text"),
        "Reflect" if after.starts_with('.') => UNNAMED,
        "window" | "self" | "top" | "parent" | "document" | "globalThis" | "frames" => member(after),
        "write" | "writeln" if before.ends_with("document.") => Some("a script that writes the page"),
        "httpEquiv" => Some("a script that writes a meta refresh"),
        _ => None,
    }
}

const UNNAMED: Option<&str> = Some("a script that reaches for what it does not name");

/// Whether the first argument of a call is text.
fn begins_text(after: &str) -> bool {
    after.trim_start().strip_prefix('(').is_some_and(|first| first.trim_start().starts_with(['"', '\'', '`']))
}

/// `window["name"]` is harmless when the name is written out and is none that navigates; `window[x]` may be anything.
fn member(after: &str) -> Option<&'static str> {
    let inner = after.strip_prefix('[')?.trim_start();
    let quote = inner.chars().next().filter(|first| matches!(first, '"' | '\'' | '`'));
    let literal = quote.and_then(|quote| {
        let (name, rest) = inner[1..].split_once(quote)?;
        rest.trim_start().starts_with(']').then_some(name)
    });
    match literal {
        // Frames by number.
        None if inner.starts_with(|first: char| first.is_ascii_digit()) => None,
        Some(name) if !matches!(name, "location" | "open" | "eval" | "navigation" | "history" | "Function") && !name.contains('\\') => None,
        Some(_) | None => UNNAMED,
    }
}

/// `location` is harmless where it is only read.
fn location(before: &str, after: &str) -> Option<&'static str> {
    const SETS: Option<&str> = Some("a script that sets location");
    let quoted = before.ends_with(['"', '\'', '`']);
    if quoted {
        // `window["location"]` is meant, `{"location": "Berlin"}` is not.
        return before.trim_end_matches(['"', '\'', '`']).trim_end().ends_with('[').then_some(()).and(SETS);
    }
    let (blank, after) = after.split_at(after.len() - after.trim_start().len());
    if is_assignment(after) || after.starts_with('[') || after.starts_with("?.[") {
        return SETS;
    }
    let Some(rest) = after.strip_prefix('.').or_else(|| after.strip_prefix("?.")) else {
        // `var l = location`, `f(location)`: what becomes of it cannot be seen. A name of one's own (`store.location`,
        // `{location: 1}`, `"a location"`) is none of it.
        let is_window =
            ["window.", "document.", "self.", "top.", "parent.", "this.", "frames."].iter().any(|owner| before.ends_with(owner));
        let ends_there = after.is_empty() || blank.contains('\n') || after.starts_with([';', ')', ',', '}', '?']);
        let stands_alone = before.trim_end().ends_with(['=', '(', ',', ':', '?', '{', '[', '!']) && ends_there;
        return (is_window && !after.starts_with([':', '=']) || stands_alone && !before.ends_with('.')).then_some(()).and(SETS);
    };
    let rest = rest.trim_start();
    let name_end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    let (name, after) = rest.split_at(name_end);
    match name {
        "replace" | "assign" | "reload" => SETS,
        "href" | "search" | "host" | "hostname" | "pathname" | "port" | "protocol" => {
            is_assignment(after.trim_start()).then_some(()).and(SETS)
        }
        _ => None,
    }
}

/// `=` and `+=`, but no comparison and no arrow.
fn is_assignment(after: &str) -> bool {
    let after = after.strip_prefix(['+', '|', '?', '&']).unwrap_or(after);
    let after = after.strip_prefix(['|', '?', '&']).unwrap_or(after);
    after.starts_with('=') && !after.starts_with("==") && !after.starts_with("=>")
}

fn begins_call(after: &str) -> bool {
    let after = after.trim_start();
    after.starts_with(['(', '`']) || after.starts_with("?.(") || after.starts_with(".call") || after.starts_with(".apply")
}

/// A meta refresh in a string is harmless until something puts it into the page.
fn inserts_refresh(code: &str) -> bool {
    code.contains("http-equiv")
        && ["innerHTML", "outerHTML", "insertAdjacentHTML", "createContextualFragment", "setAttribute"]
            .iter()
            .any(|word| code.contains(word))
}

/// Code of brackets and signs alone (JSFuck and its kin).
fn has_no_words(code: &str) -> bool {
    const LONG: usize = 400;
    const SIGNS: &[char] = &['[', ']', '(', ')', '!', '+', '{', '}', '$', '_', '~', '"', '\\'];
    code.len() > LONG && code.matches(SIGNS).count() * 10 > code.len() * 7
}

/// Whether a script brings others in, of which nothing is known.
pub(super) fn loads_scripts(code: &str) -> bool {
    code.contains("createElement") && code.contains("script") || code.contains("import(") || code.contains("importScripts")
}

/// `loc\u0061tion` and `"\x6c\x6f\x63…"`: several letters that are spelled with escapes although they need none.
fn hides_words(code: &str) -> bool {
    const INNOCENT: usize = 3;
    let spells_letter = |escape: &str| {
        let digits = match escape.as_bytes() {
            [b'x', ..] => escape.get(1..3),
            [b'u', ..] => escape.get(1..5),
            _ => None,
        };
        digits
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .and_then(char::from_u32)
            .is_some_and(|letter| letter.is_ascii_alphabetic())
    };
    code.split('\\').skip(1).filter(|escape| spells_letter(escape)).count() > INNOCENT
}

const fn is_word(character: char) -> bool {
    matches!(character, 'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '$')
}

/// The words of a script, each with what stands before and after it.
struct Words<'a> {
    code: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<(&'a str, &'a str, &'a str)> {
        let rest = &self.code[self.at..];
        let start = self.at + rest.find(is_word)?;
        let end = self.code[start..].find(|c: char| !is_word(c)).map_or(self.code.len(), |length| start + length);
        self.at = end;
        Some((&self.code[start..end], &self.code[..start], &self.code[end..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_navigates_is_noticed() {
        for code in [
            "location=\"x\"",
            "window.location.href = 'x'",
            "top.location . replace('x')",
            "document.location='x'",
            "frames.location='x'",
            "with(document)location='x'",
            "location.search='?b'",
            "window[\"location\"]='x'",
            "location['href']='x'",
            "var l = window.location; l.href = 'x'",
            "go(location)",
            "navigation.navigate('x')",
            "document.forms[0].submit()",
            "history.pushState({},'','/x')",
            "window.open('x')",
            "document.write('<p>')",
            "eval(atob('bG9j'))",
            "new Function('x')()",
            "m.httpEquiv='refresh'",
            "d.innerHTML='<meta http-equiv=refresh content=0>'",
            "document.getElementById('a').click()",
            "window['loc'+'ation']='x'",
            "var l=location\nl.href='x'",
            "setTimeout(\"loc\"+\"ation='x'\",0)",
            "(0,eval)('x')",
            "open('x','_self')",
            "Reflect.set(window,'location','x')",
            "[].filter.constructor('x')()",
            "document[k]",
            "with(location)href='x'",
            "location.reload()",
            r"window['\x6c\x6f\x63\x61\x74\x69\x6f\x6e']='x'",
        ] {
            assert!(may_navigate(code).is_some(), "{code}");
        }
    }

    #[test]
    fn what_only_reads_or_measures_is_not() {
        for code in [
            "var u = location.href; send(u)",
            "if (location.hostname === 'x' || location.pathname == '/y') { track() }",
            "var data = {\"location\": \"Berlin\", location: 'x'}",
            "store.location.name",
            "window.dataLayer = window.dataLayer || []; function gtag(){dataLayer.push(arguments)} gtag('js', new Date())",
            "(function(w,d,s,l,i){w[l]=w[l]||[];var f=d.getElementsByTagName(s)[0],j=d.createElement(s);j.async=true;j.src='https://www.googletagmanager.com/gtm.js?id='+i;f.parentNode.insertBefore(j,f)})(window,document,'script','dataLayer','GTM-X')",
            "document.querySelector('meta').remove()",
            "var s='<meta http-equiv=\"refresh\" content=\"0;url=x\">'",
            "button.addEventListener('click', onClick)",
            "relocation = 1; geolocation.get()",
            "window['ga']=window['ga']||function(){}; var x=new XMLHttpRequest(); x.open('GET','/a')",
            "function open(x){} top[0]",
        ] {
            assert_eq!(may_navigate(code), None, "{code}");
        }
    }

    #[test]
    fn stopping_the_window_is_not_stopping_a_player() {
        assert!(may_stop("window.stop()"));
        assert!(may_stop("stop ()"));
        assert!(!may_stop("player.stop()"));
    }
}
