/** The options of imports, by section, named and meant as in Glance. */
import { z } from 'zod'
import { choice, integer, list, pairs, ports, someOf } from './option-kinds.ts'

/** Those of Glance's that there are here. */
const IMPORT_PLUGINS = ['no_op', 'inject_image_metadata', 'image_decompression', 'image_conversion']

export const IMPORT_SECTIONS = {
  import_filtering_opts: z.object({
    allowed_schemes: list(['http', 'https']),
    disallowed_schemes: list([]),
    allowed_hosts: list([]),
    disallowed_hosts: list([]),
    allowed_ports: ports([80, 443]),
    disallowed_ports: ports([]),
  }),
  image_import_opts: z.object({ image_import_plugins: someOf(IMPORT_PLUGINS, ['no_op']) }),
  image_conversion: z.object({ output_format: choice(['raw', 'qcow2', 'vmdk'], 'raw') }),
  inject_metadata_properties: z.object({ inject: pairs, ignore_user_roles: list(['admin']) }),
  glance_download_properties: z.object({
    extra_properties: list(['hw_', 'trait:', 'os_distro', 'os_secure_boot', 'os_type']),
  }),
  task: z.object({ task_time_to_live: integer(48, { min: 1 }) }),
  taskflow_executor: z.object({ max_workers: integer(10, { min: 1 }) }),
}
