//! What is wrong with the rows of a source.

use jackpot_core::Error;
use jackpot_core::migration::Finding;
use serde_json::{Value, json};

/// How many are kept; the others are counted.
const KEPT: usize = 1_000;
/// How many an error names.
const NAMED: usize = 20;

/// All findings of a migration.
#[derive(Default)]
pub struct Findings {
    kept: Vec<Value>,
    wrong: usize,
    beyond: usize,
}

impl Findings {
    /// Notes what was found in the row of that name.
    pub fn add(&mut self, row: &str, finding: Finding) {
        self.wrong += usize::from(finding.repair.is_some());
        if self.kept.len() >= KEPT {
            self.beyond += 1;
            return;
        }
        let mut value = json!({"row": row, "token": finding.token, "message": finding.message});
        if let (Some(repair), Value::Object(value)) = (finding.repair, &mut value) {
            value.insert("repair".to_owned(), json!(repair));
        }
        self.kept.push(value);
    }

    /// Whether anything must be mended.
    pub fn is_wrong(&self) -> bool {
        self.wrong > 0
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        let mut all = self.kept.clone();
        if self.beyond > 0 {
            let message = format!("and {} findings more", self.beyond);
            all.push(json!({"token": "more", "message": message}));
        }
        Value::Array(all)
    }

    /// Why the rows are refused (22023): what must be mended, by row.
    pub fn refusal(&self) -> Error {
        let wrong = self.kept.iter().filter(|finding| finding.get("repair").is_some());
        let text = |finding: &Value, key: &str| {
            finding.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let mut named: Vec<String> = wrong
            .take(NAMED)
            .map(|finding| {
                let (row, token) = (text(finding, "row"), text(finding, "token"));
                format!("{row}: {token}: {}", text(finding, "message"))
            })
            .collect();
        if self.wrong > named.len() {
            named.push(format!("and {} more", self.wrong - named.len()));
        }
        Error::invalid("the old data cannot be taken over as it is", named.join("\n")).hint(
            "dry_run => true lists all findings; repair => true mends them as the findings tell.",
        )
    }
}
