//! What a guest may reach: everything is denied unless it was granted. Each grant has its denied twin.

use std::collections::BTreeMap;

use hostel_host::policy::{FolderAccess, Grants};
use hostel_tests::{Guest, TestHost};
use serde_json::{Value, json};

async fn answer(host: &TestHost, grants: Grants, tool: &str) -> Value {
    host.load_with("lab", &Guest::lab(), |settings| settings.grants = grants)
        .await;
    let action = format!("lab:{tool}");
    host.worker("ada").call(&action, json!({})).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_guest_sees_the_environment_that_was_granted_and_no_other() {
    let host = TestHost::new();
    assert_eq!(
        answer(&host, Grants::default(), "environment").await,
        json!([])
    );
    let env = BTreeMap::from([("MODE".to_owned(), "test".to_owned())]);
    let grants = Grants {
        env,
        ..Grants::default()
    };
    assert_eq!(
        answer(&host, grants, "environment").await,
        json!([["MODE", "test"]])
    );
}

#[tokio::test(start_paused = true)]
async fn a_guest_writes_where_it_may_and_nowhere_else() {
    let host = TestHost::new();
    assert_eq!(answer(&host, Grants::default(), "mark").await, false);

    let mut folder = host.marks_grant();
    let grants = Grants {
        folders: vec![folder.clone()],
        ..Grants::default()
    };
    assert_eq!(answer(&host, grants, "mark").await, true);
    assert_eq!(host.marks('m'), 1);

    folder.access = FolderAccess::ReadOnly;
    let grants = Grants {
        folders: vec![folder],
        ..Grants::default()
    };
    assert_eq!(answer(&host, grants, "mark").await, false);
    assert_eq!(host.marks('m'), 1);

    let grants = Grants {
        workspace: true,
        ..Grants::default()
    };
    assert_eq!(answer(&host, grants, "mark").await, true);
    assert_eq!(host.marks('m'), 1, "its workspace is another folder");
}
