"""The image clients of Nova and Cinder (Debian's packages) at an Image service whose default store is Ceph:

nova-cinder.py nova|cinder URL CEPH_CONF FILE

Prints a line for each step that has gone well; the first that does not ends it.
"""
import hashlib
import json
import subprocess
import sys
import time
import urllib.request

WHO, URL, CEPH_CONF, FILE = sys.argv[1:]
FORMATS = {'disk_format': 'raw', 'container_format': 'bare'}
with open(FILE, 'rb') as opened:
    WANTED = hashlib.sha512(opened.read()).hexdigest()


def expect(what, wanted, got):
    if wanted != got:
        sys.exit(f'{WHO}: {what} is {got!r}, wanted {wanted!r}')
    print(f'{WHO}: {what}')


def digest_of(path):
    with open(path, 'rb') as opened:
        return hashlib.sha512(opened.read()).hexdigest()


def rbd(*args):
    subprocess.run(['rbd', '--conf', CEPH_CONF, '--id', 'admin', *args], check=True,
                   stdout=subprocess.DEVNULL)


def until_hashed(image_id):
    """The hash of an image, once the service has read what was only registered."""
    for _ in range(100):
        with urllib.request.urlopen(f'{URL}/v2/images/{image_id}') as shown:
            found = json.load(shown)['os_hash_value']
        if found:
            return found
        time.sleep(0.2)
    return None


def nova():
    import nova.conf
    from nova import context, objects
    from nova.image import glance
    from nova.storage import rbd_utils
    nova.conf.CONF([], project='nova', default_config_files=[])
    nova.conf.CONF.set_override('api_servers', [URL], 'glance')
    objects.register_all()
    caller = context.RequestContext('user', 'project', auth_token='token')
    images = glance.API()

    def show(image_id):
        return images.get(caller, image_id, include_locations=True)

    with open(FILE, 'rb') as data:
        base = images.create(caller, {'name': 'base', **FORMATS}, data=data)
    expect('an upload is active', 'active', base['status'])
    locations = show(base['id'])['locations']
    schemes = {location['url'].split(':')[0] for location in locations}
    expect('its locations are of Ceph', {'rbd'}, schemes)
    fsid = locations[0]['url'].split('/')[2]

    machines = rbd_utils.RBDDriver(pool='vms', user='nova', ceph_conf=CEPH_CONF)
    expect('it can be cloned', True, machines.is_cloneable(locations[0], FORMATS))
    machines.clone(locations[0], 'nova-disk')
    disks = rbd_utils.RBDDriver(pool='vms', user='admin', ceph_conf=CEPH_CONF)
    disks.create_snap('nova-disk', 'taken', protect=True)
    machines.export_image(FILE + '.disk', 'nova-disk', 'taken')
    expect('its clone has its bytes', WANTED, digest_of(FILE + '.disk'))

    snapshot = images.create(caller, {'name': 'snapshot', **FORMATS})
    expect('a snapshot begins as queued', 'queued', snapshot['status'])
    store = rbd_utils.RBDDriver(pool='images', user='admin', ceph_conf=CEPH_CONF)
    disks.clone({'url': f'rbd://{fsid}/vms/nova-disk/taken'}, snapshot['id'], dest_pool='images')
    store.flatten(snapshot['id'], pool='images')
    store.create_snap(snapshot['id'], 'snap', pool='images', protect=True)
    location = f'rbd://{fsid}/images/{snapshot["id"]}/snap'
    images.update(caller, snapshot['id'], {'location': location, **FORMATS}, purge_props=False)
    found = show(snapshot['id'])
    expect('the snapshot is active with its location', ('active', location),
           (found['status'], found['locations'][0]['url']))
    hashed = until_hashed(snapshot['id'])
    expect('it is read in the background', WANTED, hashed)
    images.download(caller, snapshot['id'], dest_path=FILE + '.out')
    expect('its download has its bytes', WANTED, digest_of(FILE + '.out'))
    rbd('snap', 'unprotect', 'vms/nova-disk@taken')
    rbd('snap', 'rm', 'vms/nova-disk@taken')
    rbd('rm', 'vms/nova-disk')
    for image in (base, snapshot):
        images.delete(caller, image['id'])


def cinder():
    from oslo_config import cfg
    from cinder import context, objects
    from cinder.image import glance
    cfg.CONF([], project='cinder', default_config_files=[])
    cfg.CONF.set_override('glance_api_servers', [URL])
    objects.register_all()
    caller = context.RequestContext('user', 'project', auth_token='token')
    images = glance.GlanceImageService()
    image = images.create(caller, {'name': 'volume', **FORMATS})
    with open(FILE, 'rb') as data:
        image = images.update(caller, image['id'], {}, data)
    expect('an upload is active', 'active', image['status'])
    direct_url, locations = images.get_location(caller, image['id'])
    expect('its direct URL is its location', locations[0]['url'], direct_url)
    expect('which is one of Ceph', 'rbd', direct_url.split(':')[0])
    fsid = direct_url.split('/')[2]

    volume = images.create(caller, {'name': 'from a volume', **FORMATS})
    rbd('import', '--image-format', '2', FILE, f'images/{volume["id"]}')
    rbd('snap', 'create', f'images/{volume["id"]}@snap')
    rbd('snap', 'protect', f'images/{volume["id"]}@snap')
    location = f'rbd://{fsid}/images/{volume["id"]}/snap'
    images.add_location(caller, volume['id'], location, {'from': 'cinder'})
    found = images.show(caller, volume['id'])
    expect('an image of a volume is active', 'active', found['status'])
    expect('it has the location', location, images.get_location(caller, volume['id'])[0])
    hashed = until_hashed(volume['id'])
    expect('it is read in the background', WANTED, hashed)
    with open(FILE + '.out', 'wb') as out:
        images.download(caller, volume['id'], out)
    expect('its download has its bytes', WANTED, digest_of(FILE + '.out'))
    for each in (image, volume):
        images.delete(caller, each['id'])


{'nova': nova, 'cinder': cinder}[WHO]()
