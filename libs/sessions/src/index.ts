export { HISTORY_LIMITS, historyWithPrompt } from './history';
export type { HistoryLimits, HistoryTurn } from './history';
export { MAX_TAKEOVERS_AT_STEP, RUN_STATES, isFinalRunState, transitionRun } from './run';
export type { RunFailure, RunState, RunStateName, RunTransition, RunTrigger } from './run';
export { MESSAGE_ROLES, settleOwner, wireTime, wireTimeOrNull } from './session';
export type { Message, MessageRole, Metadata, OwnerDecision, Session } from './session';
