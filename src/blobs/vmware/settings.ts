/** Options of a VMware store, by the names and with the meaning that Glance gives them. */
export interface VmwareOptions {
  /** Host of the vCenter or ESX server, with `:PORT` where it is not 443. */
  vmware_server_host: string
  vmware_server_username: string
  vmware_server_password: string
  /** Each as `DATACENTER_PATH:DATASTORE_NAME[:WEIGHT]`. The greatest weight is written to, then the most free space. */
  vmware_datastores: readonly string[]
  /** The folder within a datastore; `/openstack_glance` in Glance. */
  vmware_store_image_dir: string
  /** How often a call of the API is made again that got no answer; 10 in Glance. */
  vmware_api_retry_count: number
  /** Seconds between two looks at a task, at most; 5 in Glance. */
  vmware_task_poll_interval: number
}
