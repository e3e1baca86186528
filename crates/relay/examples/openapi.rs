//! Prints the OpenAPI document, as `docs/openapi.json` has it. `cargo xtask openapi` writes it there.

fn main() {
    println!("{:#}", relay::openapi_document());
}
