//! The scenario of all clients by the Rust client that the argument names.

mod scenario;
mod with_sqlx;
mod with_tokio_postgres;

use scenario::{Step, play};
use std::env;
use std::error::Error;
use std::process::ExitCode;

/// Where to connect to, and what may be left there.
struct Place {
    url: String,
    /// Through PgBouncer: every transaction meets another connection of the server.
    pooled: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let place = Place { url: env::var("DATABASE_URL")?, pooled: env::var("POOLED")? == "yes" };
    let steps: Vec<Step> = serde_json::from_slice(&std::fs::read(env::var("SCENARIO")?)?)?;
    let name = env::args().nth(1).unwrap_or_default();
    println!("client: {name} {}", scenario::version(&name).unwrap_or("of no known version"));
    let all_passed = match name.as_str() {
        "tokio-postgres" => play(&mut with_tokio_postgres::connect(&place).await?, &steps).await?,
        "sqlx" => play(&mut with_sqlx::connect(&place).await?, &steps).await?,
        _ => return Err("usage: jackpot-clients tokio-postgres|sqlx".into()),
    };
    Ok(if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
