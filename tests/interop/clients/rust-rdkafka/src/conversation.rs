// SPDX-License-Identifier: Apache-2.0

//! Holding conversations, reporting them as JSON lines, asking the harness for a fault.

use serde_json::{json, Value};
use std::any::Any;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub const BASE_MS: i64 = 1_700_000_000_000;
const DEADLINE: Duration = Duration::from_secs(60);

/// One conversation: its name, and what holds it. It panics when it cannot go on.
pub type Held = (&'static str, fn(&str, &str) -> Value);

/// Has the harness kill or restart a broker; returns when that has been done.
pub fn ask(action: &str, broker: i32) {
    println!("{}", json!({"ask": action, "broker": broker}));
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .expect("the harness is there");
    assert_eq!(
        answer.trim(),
        "done",
        "the harness could not {action} broker {broker}"
    );
}

/// Repeats the attempt until it answers something.
pub fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = attempt() {
            return answer;
        }
        assert!(
            begun.elapsed() < DEADLINE,
            "{what}: not within {DEADLINE:?}"
        );
        sleep(Duration::from_millis(50));
    }
}

fn text_of(problem: Box<dyn Any + Send>) -> String {
    match problem.downcast::<String>() {
        Ok(text) => *text,
        Err(problem) => match problem.downcast::<&str>() {
            Ok(text) => text.to_string(),
            Err(_) => "panic".to_string(),
        },
    }
}

/// Holds those that the command line names after BOOTSTRAP and PREFIX, or all.
pub fn hold(client: &str, version: &str, all: &[Held]) -> i32 {
    let arguments: Vec<String> = std::env::args().collect();
    let wanted = &arguments[3..];
    let mut failed = 0;
    for (name, held) in all {
        if !wanted.is_empty() && !wanted.iter().any(|w| w == name) {
            continue;
        }
        let prefix = format!("{}-{name}", arguments[2]);
        let mut line = json!({"client": client, "version": version, "conversation": name});
        match catch_unwind(AssertUnwindSafe(|| held(&arguments[1], &prefix))) {
            Ok(observations) => {
                line["ok"] = json!(true);
                line["observations"] = observations;
            }
            Err(problem) => {
                line["ok"] = json!(false);
                line["observations"] = json!({});
                line["problem"] = json!(text_of(problem));
                failed = 1;
            }
        }
        println!("{line}");
    }
    failed
}
