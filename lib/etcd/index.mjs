import etcd from './index.js'

export const { connect, Client, EtcdError } = etcd
export default etcd
