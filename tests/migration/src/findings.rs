//! Each kind of bad data by itself: refused with its row and its token, and nothing is changed; mended
//! when asked, written down, and rolled back.

use crate::image::{image, prove, restored, unchanged};
use crate::moving::{findings, migrate, number, pools, refused, rollback, text};
use crate::server::Database;

struct Case {
    token: &'static str,
    row: &'static str,
    state: &'static str,
    /// What pools show once it is mended, and how many contributions and wins there are.
    mended: &'static str,
}

/// A pool, and one more row.
macro_rules! minor {
    ($rest:literal) => {
        concat!(r#"{"pools": [{"group": "minor", "currentAmount": 150, "seedAmount": 100, "contributionRate": 0.02}"#, $rest)
    };
}

const MINOR: &str = "minor 150 version 1 seed 100 max none rate 0.02";

const CASES: &[Case] = &[
    Case {
        token: "missing_group",
        row: "pools[1]",
        state: minor!(r#", {"currentAmount": 7, "seedAmount": 0, "contributionRate": 0}]}"#),
        mended: "+ unnamed_1 7 version 1 seed 0 max none rate 0",
    },
    Case {
        token: "missing_group",
        row: "contributions[0]",
        state: minor!(
            r#"], "contributions": [{"gameId": "g", "wagerAmount": 10, "contributionAmount": 1}]}"#
        ),
        mended: "",
    },
    Case {
        token: "missing_group",
        row: "wins[0]",
        state: minor!(r#"], "wins": [{"gameId": "g", "winAmount": 10}]}"#),
        mended: "",
    },
    Case {
        token: "duplicate_pool",
        row: "pools[1]",
        state: minor!(
            r#", {"group": "minor", "currentAmount": 140, "seedAmount": 100, "contributionRate": 0.02}]}"#
        ),
        mended: "",
    },
    Case {
        token: "duplicate_operation",
        row: "contributions[1]",
        state: minor!(
            r#"], "contributions": [{"gameId": "g", "wagerAmount": 10, "betTransactionId": "b", "contributions": {"minor": 1}}, {"gameId": "h", "wagerAmount": 20, "betTransactionId": "b", "contributions": {"minor": 2}}]}"#
        ),
        mended: "bets 1",
    },
    Case {
        token: "duplicate_operation",
        row: "wins[1]",
        state: minor!(
            r#"], "wins": [{"group": "minor", "gameId": "g", "winAmount": 10, "winningSpinTransactionId": "w"}, {"group": "minor", "gameId": "g", "winAmount": 20, "winningSpinTransactionId": "w"}]}"#
        ),
        mended: "wins 1",
    },
    Case {
        token: "negative_amount",
        row: "pools[1]",
        state: minor!(
            r#", {"group": "major", "currentAmount": -5, "seedAmount": 20, "contributionRate": 0}]}"#
        ),
        mended: "- major 20 version 1 seed 20 max none rate 0",
    },
    Case {
        token: "negative_amount",
        row: "pools[1]",
        state: minor!(
            r#", {"group": "major", "currentAmount": 5, "seedAmount": -20, "contributionRate": 0}]}"#
        ),
        mended: "- major 5 version 1 seed 0 max none rate 0",
    },
    Case {
        token: "negative_amount",
        row: "contributions[0]",
        state: minor!(
            r#"], "contributions": [{"gameId": "g", "wagerAmount": 10, "contributions": {"minor": -1}}]}"#
        ),
        mended: "",
    },
    Case {
        token: "negative_amount",
        row: "contributions[0]",
        state: minor!(
            r#"], "contributions": [{"gameId": "g", "wagerAmount": -10, "contributions": {"minor": 1}}]}"#
        ),
        mended: "",
    },
    Case {
        token: "negative_amount",
        row: "wins[0]",
        state: minor!(r#"], "wins": [{"group": "minor", "gameId": "g", "winAmount": -10}]}"#),
        mended: "",
    },
    Case {
        token: "below_seed",
        row: "pools[1]",
        state: minor!(
            r#", {"group": "major", "currentAmount": 5, "seedAmount": 20, "contributionRate": 0}]}"#
        ),
        mended: "- major 20 version 1 seed 20 max none rate 0",
    },
    Case {
        token: "rate_out_of_range",
        row: "pools[1]",
        state: minor!(
            r#", {"group": "major", "currentAmount": 5, "seedAmount": 0, "contributionRate": 2.5}]}"#
        ),
        mended: "- major 5 version 1 seed 0 max none rate 0.025",
    },
    Case {
        token: "rate_out_of_range",
        row: "pools[1]",
        state: minor!(
            r#", {"group": "major", "currentAmount": 5, "seedAmount": 0, "contributionRate": 101}]}"#
        ),
        mended: "- major 5 version 1 seed 0 max none rate 0",
    },
    Case {
        token: "rate_out_of_range",
        row: "pools[1]",
        state: minor!(
            r#", {"group": "major", "currentAmount": 5, "seedAmount": 0, "contributionRate": -0.01}]}"#
        ),
        mended: "- major 5 version 1 seed 0 max none rate 0",
    },
    Case {
        token: "too_many_decimals",
        row: "pools[1]",
        state: minor!(
            r#", {"group": "major", "currentAmount": 5.1234567, "seedAmount": 0, "contributionRate": 0}]}"#
        ),
        mended: "- major 5 version 1 seed 0 max none rate 0",
    },
    Case {
        token: "too_many_decimals",
        row: "pools[1]",
        state: minor!(
            r#", {"group": "major", "currentAmount": 5, "seedAmount": 0, "contributionRate": 0.0123456789}]}"#
        ),
        mended: "- major 5 version 1 seed 0 max none rate 0.012345",
    },
    Case {
        token: "too_many_decimals",
        row: "contributions[0]",
        state: minor!(
            r#"], "contributions": [{"gameId": "g", "wagerAmount": 10, "contributions": {"minor": 1.00000099}}]}"#
        ),
        mended: "bets 1",
    },
    Case {
        token: "null_value",
        row: "pools[1]",
        state: minor!(
            r#", {"group": "major", "currentAmount": null, "seedAmount": 20, "contributionRate": 0}]}"#
        ),
        mended: "- major 20 version 1 seed 20 max none rate 0",
    },
    Case {
        token: "null_value",
        row: "pools[1]",
        state: minor!(
            r#", {"group": "major", "currentAmount": 5, "seedAmount": null, "contributionRate": 0}]}"#
        ),
        mended: "- major 5 version 1 seed 0 max none rate 0",
    },
    Case {
        token: "null_value",
        row: "pools[1]",
        state: minor!(r#", {"group": "major", "currentAmount": 5, "seedAmount": 0}]}"#),
        mended: "- major 5 version 1 seed 0 max none rate 0",
    },
    Case {
        token: "null_value",
        row: "contributions[0]",
        state: minor!(
            r#"], "contributions": [{"gameId": "g", "wagerAmount": 10, "contributions": {"minor": null}}]}"#
        ),
        mended: "",
    },
    Case {
        token: "null_value",
        row: "contributions[0]",
        state: minor!(
            r#"], "contributions": [{"gameId": "g", "wagerAmount": null, "contributions": {"minor": 1}}]}"#
        ),
        mended: "bets 1",
    },
    Case {
        token: "null_value",
        row: "contributions[0]",
        state: minor!(
            r#"], "contributions": [{"wagerAmount": 10, "contributions": {"minor": 1}}]}"#
        ),
        mended: "bets 1",
    },
    Case {
        token: "null_value",
        row: "wins[0]",
        state: minor!(r#"], "wins": [{"group": "minor", "gameId": "g", "winAmount": null}]}"#),
        mended: "",
    },
    Case {
        token: "text_for_number",
        row: "pools[1]",
        state: minor!(
            r#", {"group": "major", "currentAmount": "5.5", "seedAmount": 0, "contributionRate": 0}]}"#
        ),
        mended: "- major 5 version 1 seed 0 max none rate 0",
    },
    Case {
        token: "text_for_number",
        row: "pools[1]",
        state: minor!(
            r#", {"group": "major", "currentAmount": "five", "seedAmount": 20, "contributionRate": 0}]}"#
        ),
        mended: "- major 20 version 1 seed 20 max none rate 0",
    },
    Case {
        token: "text_for_number",
        row: "contributions[0]",
        state: minor!(
            r#"], "contributions": [{"gameId": "g", "wagerAmount": "10", "contributions": {"minor": 1}}]}"#
        ),
        mended: "bets 1",
    },
    Case {
        token: "max_below_seed",
        row: "pools[1]",
        state: minor!(
            r#", {"group": "major", "currentAmount": 50, "seedAmount": 20, "maxAmount": 19, "contributionRate": 0}]}"#
        ),
        mended: "- major 50 version 1 seed 20 max none rate 0",
    },
    Case {
        token: "unknown_pool",
        row: "contributions[0]",
        state: minor!(
            r#"], "contributions": [{"gameId": "g", "wagerAmount": 10, "contributions": {"nowhere": 1}}]}"#
        ),
        mended: "",
    },
    Case {
        token: "unknown_pool",
        row: "wins[0]",
        state: minor!(r#"], "wins": [{"group": "nowhere", "gameId": "g", "winAmount": 10}]}"#),
        mended: "",
    },
    Case { token: "malformed", row: "pools[1]", state: minor!(r#", "a word"]}"#), mended: "" },
    Case {
        token: "malformed",
        row: "contributions[0]",
        state: minor!(r#"], "contributions": [7]}"#),
        mended: "",
    },
    Case { token: "malformed", row: "wins[0]", state: minor!(r#"], "wins": [null]}"#), mended: "" },
];

/// What needs no mending, but is worth knowing.
const WARNINGS: &[Case] = &[Case {
    token: "above_max",
    row: "pools[1]",
    state: minor!(
        r#", {"group": "major", "currentAmount": 50, "seedAmount": 20, "maxAmount": 40, "contributionRate": 0}]}"#
    ),
    mended: "- major 40 version 1 seed 20 max 40 rate 0",
}];

/// `-` is a line before minor's, `+` one after it.
fn expected(mended: &str) -> String {
    let (bets, wins) = (mended == "bets 1", mended == "wins 1");
    let pools = match mended.split_at_checked(2) {
        Some(("- ", line)) => format!("{line}\n{MINOR}"),
        Some(("+ ", line)) => format!("{MINOR}\n{line}"),
        _ => MINOR.to_owned(),
    };
    format!("{pools}, {} bets, {} wins", i64::from(bets), i64::from(wins))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_by_itself() {
    let database = Database::create("findings").await;
    let client = database.client().await;
    // What is not concerned must stay as it is.
    client
        .batch_execute(
            "SELECT jackpot_create_pool('a', 0.01, 100); SELECT jackpot_contribute('game', 100)",
        )
        .await
        .unwrap();
    let there = "SELECT format(', %s bets, %s wins', count(*) FILTER (WHERE kind = 'contribution'), count(*) FILTER (WHERE kind = 'win'))
                   FROM jackpot_history('minor', kinds => '{contribution, win}')";
    for case in CASES.iter().chain(WARNINGS) {
        let is_warning = WARNINGS.iter().any(|warning| std::ptr::eq(warning, case));
        let (state, what) = (case.state, format!("{} {}", case.row, case.token));
        let finding = format!("{}: {}", case.row, case.token);
        let before = image(&client).await;

        let planned = migrate(&client, state, "dry_run => true").await.unwrap();
        assert!(findings(&planned).contains(&finding), "{what}: {planned:#?}");
        assert_eq!(
            planned.iter().any(|step| step.status == "refused"),
            !is_warning,
            "{what}: {planned:#?}"
        );
        if !is_warning {
            let (code, detail) = refused(migrate(&client, state, "").await);
            assert_eq!(code, "22023", "{what}: {detail}");
            assert!(detail.starts_with("invalid_argument"), "{what}: {detail}");
            assert!(detail.contains(case.row) && detail.contains(case.token), "{what}: {detail}");
        }
        unchanged(&client, &before, &what).await;

        let options = if is_warning { "" } else { "repair => true" };
        let steps = migrate(&client, state, options).await.unwrap();
        assert!(findings(&steps).contains(&finding), "{what}: {steps:#?}");
        let shown =
            pools(&client).await.replace("a 101 version 2 seed 100 max none rate 0.01\n", "");
        assert_eq!(shown + &text(&client, there).await, expected(case.mended), "{what}");
        prove(&client).await;

        let (status, ..) = rollback(&client, &number(&steps).to_string()).await.unwrap();
        assert_eq!(status, "rolled_back", "{what}");
        restored(&client, &before, &what).await;
    }
    prove(&client).await;
}
