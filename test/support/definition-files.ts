/** Definition files as the OpenStack catalog has them: no visibility, numbers as defaults, objects, no owner. */
export const FILES = {
  'watchdog.json': {
    namespace: 'OS::Compute::Watchdog',
    display_name: 'Watchdog Behavior',
    description: 'Compute drivers may enable watchdog behavior over instances.',
    visibility: 'public',
    protected: true,
    resource_type_associations: [
      { name: 'OS::Glance::Image', prefix: 'hw_' },
      { name: 'OS::Cinder::Volume', prefix: 'hw_', properties_target: 'image' },
    ],
    properties: { watchdog_action: { title: 'Action', type: 'string', enum: ['reset', 'pause'] } },
  },
  'software-databases.json': {
    namespace: 'OS::Software::DBMS',
    display_name: 'Database Software',
    protected: true,
    resource_type_associations: [{ name: 'OS::Glance::Image' }],
    objects: [
      { name: 'Empty' },
      {
        name: 'MySQL',
        description: 'A database',
        required: ['sw_database_mysql_listen_port'],
        properties: {
          sw_database_mysql_listen_port: {
            title: 'Listen Port',
            type: 'integer',
            minimum: 1,
            maximum: 65535,
            default: 3606,
          },
        },
      },
    ],
    tags: [{ name: 'MySQL' }, { name: 'Oracle' }],
  },
  // As Glance once exported it.
  'exported.json': {
    namespace: 'Exported',
    display_name: 'Watchdog Behavior',
    description: null,
    visibility: 'private',
    protected: false,
    resource_type_associations: [
      { name: 'OS::Nova::Flavor', prefix: null, properties_target: null },
    ],
    properties: { any: { title: 'Anything', type: null } },
    objects: [{ name: 'o', description: null, properties: {} }],
    tags: [],
  },
}
