export { HISTORY_LIMITS, historyWithPrompt } from './history';
export type { HistoryLimits, HistoryTurn } from './history';
export { MAX_TAKEOVERS_AT_STEP, claimRun, isFinalRunState, transitionRun } from './run';
export type { RunClaim, RunState, RunTransition, RunTrigger, UnheldRun } from './run';
export { MESSAGE_ROLES, resolveOwner, wireTime, wireTimeOrNull } from './session';
export type { Message, MessageRole, Metadata, OwnerDecision, Session } from './session';
