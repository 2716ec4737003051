"""The phone by SIP. The stack runs in a process of its own, which may die without taking the desk along."""
