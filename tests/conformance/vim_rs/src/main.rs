//! Reads every event of a vCenter by vim_rs, whose authors run it on real ones, and prints each as a line of JSON: what
//! vim_rs read into its own types, written out again. The first line is the release that both sides agreed on, the last
//! one the latest page as the property collector gives it.
//!
//! VIM_SERVER is the host and the port; the account stands in VIM_USERNAME and VIM_PASSWORD.

use std::env::var;
use std::error::Error;
use std::sync::Arc;

use miniserde::json::{Value, from_str, to_string};
use vim_rs::core::client::{Client, ClientBuilder};
use vim_rs::mo::{EventHistoryCollector, EventManager, PropertyCollector, ServiceInstance};
use vim_rs::types::struct_enum::StructType;
use vim_rs::types::structs::{
    Event, EventFilterSpec, ManagedObjectReference, MethodFault, ObjectSpec, PropertyFilterSpec, PropertySpec,
    WaitOptions,
};
use vim_rs::types::vim_any::VimAny;

const PAGE: i32 = 100;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let client = ClientBuilder::new(&var("VIM_SERVER")?)
        .insecure(true)
        .basic_authn(&var("VIM_USERNAME")?, &var("VIM_PASSWORD")?)
        .app_details("read-events", "0")
        .build()
        .await?;
    println!("{}", client.api_release());
    ServiceInstance::new(client.clone(), "ServiceInstance").current_time().await?;

    let manager = client.service_content().event_manager.clone().ok_or("no event manager")?;
    let manager = EventManager::new(client.clone(), &manager.value);
    let made = manager.create_collector_for_events(&everything()).await?;
    let collector = EventHistoryCollector::new(client.clone(), &made.value);
    collector.set_collector_page_size(PAGE).await?;
    while let Some(events) = collector.read_next_events(PAGE).await?.filter(|page| !page.is_empty()) {
        for mut event in events {
            read_fields(&mut event)?;
            println!("{}", to_string(&event));
        }
    }
    let latest = collector.latest_page().await?.ok_or("no latest page")?;
    println!("{}", wait_for_page(&client, made).await?);
    assert_eq!(latest.len(), PAGE as usize);
    collector.destroy_collector().await?;
    client.close().await?;
    Ok(())
}

/// Reads what a class adds to every event into types, too: vim_rs leaves it as it came.
fn read_fields(event: &mut Event) -> Outcome<()> {
    let class = event.type_;
    for (name, value) in &mut event.extra_fields_ {
        *value = read_value(value).map_err(|_| format!("{class:?} has a {name} of no type: {}", to_string(value)))?;
    }
    Ok(())
}

fn read_value(value: &Value) -> Outcome<Value> {
    let text = to_string(value);
    let read = match value {
        Value::Object(_) => match from_str::<VimAny>(&text) {
            Ok(object) => to_string(&object),
            Err(_) => to_string(&read_fault(&text)?), // vim_rs has no types of its own for faults
        },
        Value::Array(items) => return Ok(Value::Array(items.iter().map(read_value).collect::<Outcome<_>>()?)),
        _ => text,
    };
    Ok(from_str(&read)?)
}

fn read_fault(text: &str) -> Outcome<MethodFault> {
    let fault: MethodFault = from_str(text)?;
    let is_fault = fault.type_.is_none_or(|class| class.child_of(StructType::MethodFault)); // none: the base itself
    is_fault.then_some(fault).ok_or("no fault".into())
}

/// Waits for the latest page: there is one at once, and then no newer one.
async fn wait_for_page(client: &Arc<Client>, collector: ManagedObjectReference) -> Outcome<String> {
    let default = client.service_content().property_collector.clone();
    let waiter = PropertyCollector::new(client.clone(), &default.value).create_property_collector().await?;
    let waiter = PropertyCollector::new(client.clone(), &waiter.value);
    waiter.create_filter(&latest_page_of(collector), true).await?;
    let soon = WaitOptions { max_wait_seconds: Some(0), max_object_updates: None };
    let first = waiter.wait_for_updates_ex(Some(""), Some(&soon)).await?.ok_or("no first update")?;
    let nothing = waiter.wait_for_updates_ex(Some(&first.version), Some(&soon)).await?;
    assert!(nothing.is_none(), "there is a second update");
    waiter.destroy_property_collector().await?;
    let change = first.filter_set.as_ref().and_then(|filters| filters.first());
    let change = change.and_then(|filter| filter.object_set.as_ref()).and_then(|objects| objects.first());
    let change = change.and_then(|object| object.change_set.as_ref()).and_then(|changes| changes.first());
    Ok(to_string(change.ok_or("no change")?))
}

fn latest_page_of(collector: ManagedObjectReference) -> PropertyFilterSpec {
    PropertyFilterSpec {
        prop_set: vec![PropertySpec {
            r#type: "EventHistoryCollector".to_string(),
            all: None,
            path_set: Some(vec!["latestPage".to_string()]),
        }],
        object_set: vec![ObjectSpec { obj: collector, skip: None, select_set: None }],
        report_missing_objects_in_results: None,
    }
}

fn everything() -> EventFilterSpec {
    EventFilterSpec {
        entity: None,
        time: None,
        user_name: None,
        event_chain_id: None,
        alarm: None,
        scheduled_task: None,
        disable_full_message: Some(false),
        category: None,
        r#type: None,
        tag: None,
        event_type_id: None,
        max_count: None,
        delayed_init: None,
        auditable: None,
        audit_id: None,
    }
}
