/** What the rest of the program sees of configuration; the pieces are in `config/`. */
export { type Address, formatAddress, formatMember, isLoopback, type Member } from './config/addresses.ts';
export { type ConfigSources, type LoadedConfig, loadConfig, loadNodeConfig } from './config/load.ts';
export { SETTINGS, type Setting } from './config/settings.ts';
export type {
  ClientEndpointConfig,
  ClusterOptions,
  CommonConfig,
  Config,
  Durability,
  Logger,
  NativeUse,
  NodeConfig,
  NodeOptions,
  RdmaProvider,
  TlsFiles,
  TransportChoice,
} from './config/types.ts';
export { CLUSTER_SETTINGS, NODE_SETTINGS, validateNodeOptions, validateOptions } from './config/validate.ts';
